//! Two losses in one graph, with the inputs of one name as one.

use crate::diagnostic::{Diagnostic, Error};
use crate::evaluate::Extended;
use crate::graph::{Axis, AxisId, Correspondence, Domain, Graph, NodeId, Variable, VariableId};
use crate::loss::Loss;
use crate::points::is_inside;
use crate::real::Real;

/// Two losses as expressions of one graph.
pub(crate) struct Joint {
    /// Holds both.
    pub graph: Graph,
    /// The losses.
    pub roots: [NodeId; 2],
    /// What the domains of the graph's variables do not say of where both are declared.
    pub also: Vec<(VariableId, Domain)>,
    /// Hyperparameters of different names that were taken as one: of the first loss, of the second.
    pub identified: Vec<(String, String)>,
    /// Where the losses declare an input differently: the name.
    pub narrowed: Vec<String>,
}

/// Puts `losses` into one graph.
///
/// An input of a name is the same in both, on the values that both declare. Hyperparameters that only one of them
/// has are paired in order if both have as many and of the same domains: what they are called is no part of a loss.
/// `identified` pairs more of them.
///
/// # Errors
/// An input that is a scalar in one and has axes in the other, or axes that cannot be matched; domains that have no
/// value in common; no input in common.
pub(crate) fn join(losses: [&Loss; 2], identified: &[(String, String)]) -> Result<Joint, Error> {
    let mut joint = Joint {
        graph: Graph::new(),
        roots: [losses[0].root(); 2],
        also: Vec::new(),
        identified: identified.to_vec(),
        narrowed: Vec::new(),
    };
    let graphs = losses.map(Loss::graph);
    pair_hyperparameters(graphs, &mut joint.identified);
    let mut correspondences = [Correspondence::default(), Correspondence::default()];
    // Axes of the second loss are those of the first where an input says so.
    for (id, variable) in graphs[0].variable_ids().zip(graphs[0].variables()) {
        let axes = axes_of(&mut joint.graph, graphs[0], variable, &mut correspondences[0]);
        let new = joint.graph.add_variable(Variable { axes, ..variable.clone() });
        correspondences[0].variables.insert(id, new);
    }
    let mut shared = 0;
    for (id, variable) in graphs[1].variable_ids().zip(graphs[1].variables()) {
        let own = &variable.name;
        let name = joint.identified.iter().find(|(_, second)| second == own).map_or(own, |(first, _)| first);
        let Some(known) = joint.graph.find_variable(name) else { continue };
        shared += usize::from(!variable.is_hyperparameter);
        let first = joint.graph.variable(known).clone();
        if first.axes.len() != variable.axes.len() {
            return Err(axis_mismatch(losses, graphs, &first, variable));
        }
        for (own, other) in variable.axes.iter().zip(&first.axes) {
            match correspondences[1].axes.get(own) {
                Some(before) if before != other => {
                    return Err(axis_mismatch(losses, graphs, &first, variable));
                }
                _ => correspondences[1].axes.insert(*own, *other),
            };
        }
        correspondences[1].variables.insert(id, known);
        let (domain, also) = common(&first.domain, &renamed(&variable.domain, &correspondences[1]))
            .ok_or_else(|| no_common_value(losses, variable, &first))?;
        let is_declared = |d: &Domain| d.interval() != crate::graph::Interval::REALS;
        let differs = first.domain.interval() != variable.domain.interval();
        if differs && is_declared(&first.domain) && is_declared(&variable.domain) {
            joint.narrowed.push(variable.name.clone());
        }
        let both = joint.graph.variable_mut(known);
        both.domain = domain;
        both.is_hyperparameter |= variable.is_hyperparameter;
        joint.also.extend(also.map(|domain| (known, domain)));
    }
    let has_inputs = |graph: &Graph| graph.variables().iter().any(|v| !v.is_hyperparameter);
    if shared == 0 && has_inputs(graphs[0]) && has_inputs(graphs[1]) {
        return Err(nothing_in_common(losses));
    }
    for (id, variable) in graphs[1].variable_ids().zip(graphs[1].variables()) {
        if correspondences[1].variables.contains_key(&id) {
            continue;
        }
        let axes = axes_of(&mut joint.graph, graphs[1], variable, &mut correspondences[1]);
        let domain = renamed(&variable.domain, &correspondences[1]);
        let new = joint.graph.add_variable(Variable { axes, domain, ..variable.clone() });
        correspondences[1].variables.insert(id, new);
    }
    // Now that all axes are known: positions of the first loss, too.
    for (id, variable) in graphs[0].variable_ids().zip(graphs[0].variables()) {
        if let Domain::Index(_) = variable.domain {
            let new = correspondences[0].variables[&id];
            joint.graph.variable_mut(new).domain = renamed(&variable.domain, &correspondences[0]);
        }
    }
    for (at, loss) in losses.into_iter().enumerate() {
        joint.roots[at] = joint.graph.import(loss.graph(), &[loss.root()], &correspondences[at])[0];
    }
    Ok(joint)
}

fn renamed(domain: &Domain, correspondence: &Correspondence) -> Domain {
    match domain {
        Domain::Index(axis) => Domain::Index(correspondence.axes.get(axis).copied().unwrap_or(*axis)),
        other => other.clone(),
    }
}

fn axes_of(
    graph: &mut Graph,
    from: &Graph,
    variable: &Variable,
    correspondence: &mut Correspondence,
) -> Vec<AxisId> {
    let id = VariableId(graph.variables().len() as u32);
    let mut axes = Vec::with_capacity(variable.axes.len());
    for (position, axis) in variable.axes.iter().enumerate() {
        let new = match correspondence.axes.get(axis) {
            Some(known) => *known,
            None => {
                let mut name = from.axis(*axis).name.clone();
                while graph.find_axis(&name).is_some() {
                    name.push('_');
                }
                graph.add_axis(Axis { name, declared_by: (id, position) })
            }
        };
        correspondence.axes.insert(*axis, new);
        axes.push(new);
    }
    axes
}

/// Hyperparameters that only one of the losses has, paired in the order declared.
fn pair_hyperparameters(graphs: [&Graph; 2], identified: &mut Vec<(String, String)>) {
    let own = |at: usize, identified: &[(String, String)]| -> Vec<(String, Domain)> {
        let taken = |name: &String| identified.iter().any(|(a, b)| [a, b][at] == name);
        graphs[at]
            .variables()
            .iter()
            .filter(|v| {
                v.is_hyperparameter && graphs[1 - at].find_variable(&v.name).is_none() && !taken(&v.name)
            })
            .map(|v| (v.name.clone(), v.domain.clone()))
            .collect()
    };
    let (first, second) = (own(0, identified), own(1, identified));
    if first.len() == second.len() && first.iter().zip(&second).all(|(a, b)| a.1 == b.1) {
        identified.extend(first.into_iter().zip(second).map(|(a, b)| (a.0, b.0)));
    }
}

/// The values that lie in both: as one domain, and what it does not say. `None` where there are none.
pub(crate) fn common(a: &Domain, b: &Domain) -> Option<(Domain, Option<Domain>)> {
    if a == b {
        return Some((a.clone(), None));
    }
    match (a, b) {
        (Domain::Set(values), other) | (other, Domain::Set(values)) => {
            let inside = |v: &&crate::number::Number| is_inside(other, Extended::from_number(v), usize::MAX);
            let left: Vec<_> = values.iter().filter(inside).cloned().collect();
            (!left.is_empty()).then_some((Domain::Set(left), None))
        }
        (index @ Domain::Index(_), other) | (other, index @ Domain::Index(_)) => {
            Some((index.clone(), Some(other.clone())))
        }
        (Domain::Simplex, other) | (other, Domain::Simplex) => {
            let covers = other.interval().covers(&crate::graph::Interval::UNIT) && *other != Domain::Integer;
            Some((Domain::Simplex, (!covers).then(|| other.clone())))
        }
        (Domain::Integer, other) | (other, Domain::Integer) => Some((Domain::Integer, Some(other.clone()))),
        _ => {
            let both = a.interval().intersect(&b.interval())?;
            let kept = [a, b].into_iter().find(|d| d.interval() == both && !matches!(d, Domain::Interval(_)));
            Some((kept.cloned().unwrap_or(Domain::Interval(both)), None))
        }
    }
}

fn axis_mismatch(losses: [&Loss; 2], graphs: [&Graph; 2], first: &Variable, second: &Variable) -> Error {
    let known = graphs[0].variables().iter().find(|v| v.name == first.name).unwrap_or(first);
    let shown = |graph: &Graph, v: &Variable| match v.axes.as_slice() {
        [] => "is a scalar".to_owned(),
        axes => {
            let names: Vec<&str> = axes.iter().map(|a| graph.axis(*a).name.as_str()).collect();
            format!("has the axes [{}]", names.join(","))
        }
    };
    let message = format!(
        "the input `{}` {} in the first loss and {} in the second",
        first.name,
        shown(graphs[0], known),
        shown(graphs[1], second)
    );
    losses[1].error(
        Diagnostic::new("axis-mismatch", message)
            .at(second.span, "in the second loss")
            .help("declare it alike in both: losses of different arrays cannot be compared"),
    )
}

fn no_common_value(losses: [&Loss; 2], variable: &Variable, first: &Variable) -> Error {
    let message = format!("the losses have no value of `{}` in common", variable.name);
    losses[1].error(
        Diagnostic::new("no-common-domain", message)
            .at(variable.span, format!("the first loss declares {}", first.domain.interval()))
            .help("convert one to the labels of the other, for example `y = 2*t - 1`"),
    )
}

fn nothing_in_common(losses: [&Loss; 2]) -> Error {
    let names = |loss: &Loss| {
        let inputs = loss.graph().variables().iter().filter(|v| !v.is_hyperparameter);
        inputs.map(|v| format!("`{}`", v.name)).collect::<Vec<_>>().join(", ")
    };
    let message =
        format!("the losses have no input in common: {} and {}", names(losses[0]), names(losses[1]));
    losses[1].error(
        Diagnostic::new("no-common-input", message)
            .help("inputs are matched by name: call one of the losses with the names of the other"),
    )
}
