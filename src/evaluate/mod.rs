//! The reference evaluator: the meaning of a graph, in any floating-point type.
//!
//! It follows the definition literally, node by node, and is what everything else is tested against. Nodes are
//! arrays over their free indices and a block of the batch, so that the cost of interpretation is shared by
//! many elements; results do not depend on the size of the blocks.

mod array;
mod check;
mod data;
mod extended;
mod extent;
mod floats;
mod reduce;
mod run;
mod special;

pub use check::check_inputs;
pub use data::{Data, bind};
pub use extended::Extended;
pub use run::{Batch, Limits, Output, evaluate};
