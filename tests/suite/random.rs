//! Random formulas of the whole language: functions, indices, conditions, domains, reductions of every kind.

use crate::points::Draw;
use lossform::function::Function;

/// What the formulas are about. All axes get the same length, at least 3.
pub const SIGNATURE: &str = "x, y, a in (0,inf), p in (0,1), q in [0,1], r in prob, l in logprob, t in {0,1}, \
     s in {-1,1}, n in integer, m in index[c], v[c], w[c], b[c] in (0,inf), u[c] in simplex, k[c] in index[c], \
     o[c] in integer, h[c,e]; g in [0,inf) = 2, one = 1";

/// The inputs that derivatives are taken with respect to.
pub const DIFFERENTIABLE: &[&str] = &["x", "a", "p", "q", "l", "v", "b", "u", "h", "one"];

/// Draws formulas. Every reduction brings an index of its own into scope.
pub struct Formulas<'d> {
    draw: &'d mut Draw,
    /// How many indices have been named.
    named: usize,
    /// Those over `c` and over `e` that are bound here.
    scope: Vec<(String, char)>,
}

impl<'d> Formulas<'d> {
    pub fn new(draw: &'d mut Draw) -> Self {
        Formulas { draw, named: 0, scope: Vec::new() }
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.draw.below(texts.len())]
    }

    fn index(&mut self, axis: char) -> Option<String> {
        let all: Vec<&String> =
            self.scope.iter().filter(|(_, of)| *of == axis).map(|(name, _)| name).collect();
        (!all.is_empty()).then(|| all[self.draw.below(all.len())].clone())
    }

    fn leaf(&mut self) -> String {
        let scalars = [
            "x", "x", "y", "a", "p", "q", "r", "l", "t", "s", "n", "g", "0", "1", "2", "3", "0.5", "-1", "pi",
        ];
        let scalar = self.pick(&scalars).to_owned();
        let Some(i) = self.index('c') else {
            return match self.draw.below(8) {
                0 => self.pick(&["v[m]", "v[0]", "w[1]", "u[m]", "size[c]", "h[1,0]", "v[k[0]]"]).to_owned(),
                _ => scalar,
            };
        };
        match self.draw.below(14) {
            0..=4 => format!("{}[{i}]", self.pick(&["v", "w", "b", "u"])),
            5 => i,
            6 => format!("v[k[{i}]]"),
            7 => match self.index('e') {
                Some(e) => format!("h[{i},{e}]"),
                None => format!("h[{i},0]"),
            },
            8 => format!("o[{i}]"),
            9 => self.pick(&["v[m]", "v[0]", "w[2]"]).to_owned(),
            _ => scalar,
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let comparison = self.pick(&["==", "!=", "<", "<=", ">", ">="]);
        let simple = match (self.draw.below(4), self.index('c'), self.index('c')) {
            (0, Some(i), Some(j)) => format!("{i} {comparison} {j}"),
            (1, Some(i), _) => format!("o[{i}] {comparison} {}", self.pick(&["0", "1", "n", "o[m]"])),
            (2, ..) => format!("t {} 1", self.pick(&["==", "!="])),
            _ => {
                let right = if depth > 1 { self.expression(1) } else { self.leaf() };
                format!("{} {comparison} {right}", self.leaf())
            }
        };
        match self.draw.below(8) {
            0 if depth > 0 => format!("({simple} and {})", self.condition(depth - 1)),
            1 if depth > 0 => format!("({simple} or {})", self.condition(depth - 1)),
            2 => format!("(not {simple})"),
            _ => simple,
        }
    }

    /// An expression of at most so many levels.
    pub fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.leaf();
        }
        let less = depth - 1;
        match self.draw.below(30) {
            0..=2 => format!("({} + {})", self.expression(less), self.expression(less)),
            3 | 4 => format!("({} - {})", self.expression(less), self.expression(less)),
            5..=8 => format!("({})*({})", self.expression(less), self.expression(less)),
            9 => format!("({})/(1 + ({})^2)", self.expression(less), self.expression(less)),
            10 => format!("({})/({})", self.expression(less), self.leaf()),
            11 => format!("({})^{}", self.expression(less), self.pick(&["2", "3", "(-1)", "g", "0.5"])),
            12 => format!("(1 - p)^{}*({})", self.pick(&["2", "g", "a", "(g - 1)"]), self.expression(less)),
            13 | 14 => {
                let condition = self.condition(1);
                format!("(if {condition} then {} else {})", self.expression(less), self.expression(less))
            }
            15 => format!("[{}]", self.condition(1)),
            16 => format!("(if x > 0 then log(x)*({}) else {})", self.expression(less), self.leaf()),
            17 => format!("|{}|", self.expression(less)),
            18 => format!("detach({})", self.expression(less)),
            19..=24 => self.function(less),
            _ if self.scope.len() < 3 => self.reduction(less),
            _ => self.leaf(),
        }
    }

    /// Any function of the table; where it is not defined for all numbers, mostly of something that it is.
    fn function(&mut self, depth: usize) -> String {
        let function = Function::ALL[self.draw.below(Function::ALL.len())];
        let entry = function.entry();
        let arguments: Vec<String> = entry
            .arguments
            .iter()
            .map(|_| {
                let inner = self.expression(depth);
                // A pole in between is no number, and what comes of it afterwards says nothing.
                match (entry.domain == "all reals", self.draw.below(4)) {
                    (true, _) => inner,
                    (false, 0) => self.pick(&["p", "a", "1 - p"]).to_owned(),
                    (false, _) => format!("sigmoid({inner})"),
                }
            })
            .collect();
        format!("{}({})", entry.names[0], arguments.join(", "))
    }

    fn reduction(&mut self, depth: usize) -> String {
        self.named += 1;
        let axis = if self.draw.below(4) == 0 && self.index('c').is_some() { 'e' } else { 'c' };
        let name = format!("{}{}", if axis == 'c' { 'i' } else { 'j' }, self.named);
        let outer = self.index('c');
        self.scope.push((name.clone(), axis));
        let body = self.expression(depth);
        let filter = match self.draw.below(4) {
            0 => format!(" : {}", self.condition(0)),
            1 if axis == 'c' => match &outer {
                Some(outer) => format!(" : {name} {} {outer}", self.pick(&["!=", "<=", ">"])),
                None => String::new(),
            },
            _ => String::new(),
        };
        let condition = self.condition(0);
        self.scope.pop();
        // An access that says what the index ranges over; a shifted or strided one narrows the range.
        let anchor = match (axis, self.draw.below(6)) {
            ('e', _) => format!("h[{},{name}]", outer.unwrap_or_else(|| "0".to_owned())),
            (_, 0) => format!("v[{name}+1]"),
            (_, 1) => format!("(v[{name}+1] - v[{name}])"),
            (_, 2) => format!("v[2*{name}]"),
            (_, 3) => format!("w[-{name}+2]"),
            _ => format!("{}[{name}]", self.pick(&["v", "b", "u"])),
        };
        let joined = match self.draw.below(3) {
            0 => format!("{anchor} + ({body})"),
            1 => format!("{anchor} - ({body})"),
            _ => format!("{anchor}*({body})"),
        };
        match self.draw.below(14) {
            0..=3 => format!("sum[{name}{filter}]({joined})"),
            4 => format!("mean[{name}{filter}]({joined})"),
            5 => format!("prod[{name}{filter}]({joined})"),
            6 => format!("max[{name}{filter}]({joined})"),
            7 => format!("min[{name}{filter}]({joined})"),
            8 => format!("logsumexp[{name}{filter}]({joined})"),
            9 => format!("norm[{name}{filter}]({joined})"),
            10 => format!("sum[{name} in 0..{}]({joined})", self.pick(&["2", "size[c] - 1"]))
                .replace(&format!("[{name}+1]"), &format!("[{name}]"))
                .replace(&format!("[2*{name}]"), &format!("[{name}]")),
            11 | 12 => {
                let weight =
                    if axis == 'e' { anchor.clone() } else { format!("{}[{name}]", self.pick(&["w", "u"])) };
                format!("sum[{name}]({weight}*{}[{name}]({joined}))", self.pick(&["softmax", "log_softmax"]))
            }
            _ => {
                let kind = self.pick(&["count", "any", "all"]);
                let inner = format!("{anchor} > 0 or {condition}");
                if kind == "count" {
                    format!("count[{name}]({inner})")
                } else {
                    format!("[{kind}[{name}]({inner})]")
                }
            }
        }
    }
}
