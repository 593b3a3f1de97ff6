//! What a delivery leaves behind: image definitions for ECS and records.

mod definitions;
mod records;

pub use definitions::image_definitions;
pub use records::{PromotionRecord, Records};
