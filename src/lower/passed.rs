//! What a bare formula says of its names by passing them to a loss.

use super::Lowering;
use crate::graph::{Domain, Interval};
use crate::syntax::tree::{self, Call, Expression, ExpressionKind};

impl<'d> Lowering<'d> {
    /// A name that is passed to a loss as it is takes the domain of its input: the formula has a meaning nowhere else.
    /// One that is used as a hyperparameter only is one.
    pub(super) fn take_parameters(
        &mut self,
        calls: &[&'d Call],
        bodies: &[&'d Expression],
        bindings: &'d [tree::Binding],
    ) {
        for call in calls {
            let definitions = self.definitions;
            let Some(loss) = definitions.loss(&call.function.text) else { continue };
            let Some(signature) = &loss.signature else { continue };
            for (parameter, argument) in signature.inputs.iter().zip(&call.arguments) {
                if let Some(name) = plain(argument) {
                    self.take_parameter(name, parameter);
                }
            }
            for (own, argument) in &call.hyperparameters {
                let parameter = signature.hyperparameters.iter().find(|p| p.name.text == own.text);
                let (Some(parameter), Some(name)) = (parameter, plain(argument)) else { continue };
                self.take_parameter(name, parameter);
                let everything = bodies.iter().copied().chain(bindings.iter().map(|b| &b.value));
                if !is_used_otherwise(everything, name)
                    && let Some(id) = self.graph.find_variable(name)
                {
                    self.graph.variable_mut(id).is_hyperparameter = true;
                }
            }
        }
    }

    fn take_parameter(&mut self, name: &str, parameter: &tree::Parameter) {
        let Some(id) = self.graph.find_variable(name) else { return };
        let own = self.graph.variable(id);
        if own.domain != Domain::Interval(Interval::REALS) {
            return;
        }
        let domain = match &parameter.domain {
            // The axes of the loss are not those of the formula.
            Some((tree::Domain::Index(axis), _)) => match self.graph.find_axis(&axis.text) {
                Some(axis) => Domain::Index(axis),
                None => Domain::Integer,
            },
            Some((tree::Domain::Simplex, _)) if own.axes.is_empty() => return,
            Some((domain, span)) => self.domain(id, domain, *span),
            None => return,
        };
        self.graph.variable_mut(id).domain = domain;
    }
}

fn plain(expression: &Expression) -> Option<&str> {
    match &expression.kind {
        ExpressionKind::Name(name) => Some(&name.text),
        _ => None,
    }
}

/// Whether `name` occurs elsewhere than as a hyperparameter in a call.
fn is_used_otherwise<'e>(expressions: impl Iterator<Item = &'e Expression>, name: &str) -> bool {
    let mut pending: Vec<&Expression> = expressions.collect();
    while let Some(top) = pending.pop() {
        match &top.kind {
            ExpressionKind::Name(own) if own.text == name => return true,
            ExpressionKind::Access { name: own, .. } if own.text == name => return true,
            ExpressionKind::Call(call) => {
                let others = call.hyperparameters.iter().filter(|(_, value)| plain(value) != Some(name));
                pending.extend(others.map(|(_, value)| value));
                pending.extend(&call.arguments);
                pending.extend(call.filter.as_deref());
            }
            _ => pending.extend(top.operands()),
        }
    }
    false
}
