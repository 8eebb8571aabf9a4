//! Reading elements of intermediate arrays, at positions that follow from the indices.

use super::access::{Line, Position, affine};
use super::array::{Array, Dimensions, Walk, copy_run, volume};
use super::data::Data;
use super::extent::Extent;
use super::kernel::Slot;
use crate::graph::{Graph, IndexId, IndexListId, Map, NodeId};
use crate::real::Real;

/// How an intermediate array is read.
pub(super) struct Element {
    array: Slot,
    /// The index that runs along an axis of the array, and the position there.
    positions: Vec<(IndexId, Position)>,
}

impl Element {
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        [self.array].into_iter().chain(self.positions.iter().filter_map(|(_, p)| p.slot()))
    }

    pub fn rename(&mut self, place: &dyn Fn(Slot) -> Slot) {
        self.array = place(self.array);
        self.positions.iter_mut().for_each(|(_, p)| p.rename(place));
    }
}

/// How the element with these operands is read; `slot` is asked for those nodes that must be computed.
pub(super) fn plan<T: Real>(
    graph: &Graph,
    data: &Data<T>,
    list: IndexListId,
    operands: &[NodeId],
    slot: &mut dyn FnMut(NodeId) -> Slot,
) -> Element {
    let array = slot(operands[0]);
    let positions = graph.bound_indices(list).iter().zip(&operands[1..]).map(|(index, operand)| {
        (*index, affine(graph, data, *operand).unwrap_or_else(|| Position::Value(slot(*operand))))
    });
    Element { array, positions: positions.collect() }
}

/// The elements read, and the lanes at which one is outside the array and so NaN.
pub(super) fn read<'v, T: Real>(
    element: &Element,
    dimensions: Dimensions,
    extents: &Map<IndexId, Extent>,
    value_of: &dyn Fn(Slot) -> &'v Array<T>,
    mut buffer: Vec<T>,
) -> (Array<T>, Vec<usize>) {
    let array = value_of(element.array);
    buffer.clear();
    buffer.reserve(volume(&dimensions) * array.lane);
    // Along each axis of the array: the position, the first one that is there, how many, and how far apart.
    let mut axes: Vec<(Line, i64, i64, i64)> = Vec::with_capacity(element.positions.len());
    let own_strides = array.strides(&array.dimensions);
    for (index, position) in &element.positions {
        let Some(line) = Line::new(position, &dimensions, extents) else { continue };
        let stride = array.dimensions.iter().position(|d| d.0 == *index).map_or(0, |at| own_strides[at]);
        let extent = extents[index];
        axes.push((line, extent.low, extent.length as i64, stride as i64));
    }
    let lengths: Vec<usize> = dimensions.iter().map(|d| d.1).collect();
    let mut walk = Walk::new(&lengths, Vec::new());
    let mut is_outside = axes.len() < element.positions.len();
    while walk.is_inside() {
        let mut offset = Some(0_i64);
        for (line, low, length, stride) in &axes {
            let at = line.at(walk.position()) - low;
            offset = offset.filter(|_| (0..*length).contains(&at)).map(|o| o + at * stride);
        }
        match offset {
            Some(offset) => copy_run(&mut buffer, &array.elements, offset as isize, array.lane, 1),
            None => {
                is_outside = true;
                buffer.extend(std::iter::repeat_n(T::nan(), array.lane));
            }
        }
        walk.advance();
    }
    let outside = if is_outside { (0..array.lane).collect() } else { Vec::new() };
    (Array { dimensions, lane: array.lane, elements: buffer }, outside)
}
