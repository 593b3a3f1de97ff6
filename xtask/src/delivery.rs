//! What a delivery leaves behind: image definitions for ECS and records. And what
//! it is made of on AWS: buildspecs and templates.

mod definitions;
mod generate;
mod model;
mod records;

pub use definitions::image_definitions;
pub use generate::{Generated, generate};
pub use records::{PromotionRecord, Records};
