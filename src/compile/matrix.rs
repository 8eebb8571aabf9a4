//! Where the matrices of a contraction stand.

use super::lower::{Lowering, Strided};
use super::program::{Content, Contraction, Matrix};
use super::value::{BATCH, Operation, Space, ValueId};

impl Lowering<'_> {
    /// Factors and products of matrices are stored group by group. The group with the batch, or else with what is
    /// outermost elsewhere, comes first: so passes that write a factor or read a product run through memory in order.
    pub(super) fn order_matrices(&mut self) {
        let batch = Space::of(BATCH);
        for value in self.schedule.needed.clone() {
            let Operation::Contract(over, a, b) = *self.values.operation(value) else { continue };
            let shared = self.values.shared_batch(over, &[a, b]);
            let [left, right] = [a, b].map(|v| self.values.space(v).without(over).without(shared));
            for (array, first, second) in [(value, left, right), (a, left, over), (b, right, over)] {
                let is_outer = self.ordered(first.union(second)).first().is_none_or(|d| first.contains(*d));
                let (outer, inner) = if is_outer { (first, second) } else { (second, first) };
                let [outer, inner] = [outer, inner].map(|space| self.ordered(space.without(batch)));
                self.orders.entry(array).or_insert([outer, inner].concat());
            }
        }
    }

    /// How a product of matrices lies in memory. Notes where one does not lie as a matrix.
    pub(super) fn contraction(&mut self, value: ValueId, over: Space, a: ValueId, b: ValueId) -> Contraction {
        let values = self.values;
        let shared = values.shared_batch(over, &[a, b]);
        let is_shared = shared != Space::POINT;
        let [rows, columns] = [a, b].map(|v| values.space(v).without(over).without(shared));
        let mut is_matrix = true;
        let mut place = |content: (Content, Strided), first: Space, second: Space| {
            let (Content::Memory(memory, offset, _), strided) = content else {
                unreachable!("factors are in memory")
            };
            // Each group must be one loop; its innermost dimension tells the stride, the batch is the outermost.
            let mut step = |space: Space| {
                let mut expected: Option<isize> = None;
                let mut inner = 0;
                for dimension in self.ordered(space).into_iter().rev() {
                    let length = values.length(dimension);
                    if length == 1 && dimension != BATCH {
                        continue;
                    }
                    let own = strided.along(dimension);
                    match expected {
                        None => inner = own,
                        Some(expected) => is_matrix &= own == expected,
                    }
                    expected = Some(own * length as isize);
                }
                inner
            };
            let batch = if is_shared { strided.along(BATCH) } else { 0 };
            Matrix { memory, offset, strides: [step(first), step(second), batch] }
        };
        let (left_at, right_at, product_at) =
            (self.operand_at(a), self.operand_at(b), self.operand_at(value));
        let volume = |space: Space| values.volume(space.without(Space::of(BATCH)));
        let contraction = Contraction {
            lengths: [volume(rows), volume(columns), volume(over)],
            times_batch: [rows, columns, over].map(|space| space.contains(BATCH)),
            is_batched: is_shared,
            left: place(left_at, rows, over),
            right: place(right_at, over, columns),
            product: place(product_at, rows, columns),
        };
        self.is_sound &= is_matrix;
        contraction
    }
}
