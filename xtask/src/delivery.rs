//! What a delivery leaves behind: image definitions for ECS and records. And what
//! it is made of on AWS: buildspecs and templates.

mod buildspec;
pub mod codebuild;
mod definitions;
mod generate;
mod lint;
mod model;
mod onboard;
mod records;
mod template;
mod yaml;

pub use definitions::image_definitions;
pub use generate::{Generated, generate, image_parameter, orphans};
pub use lint::{Finding, is_yaml, lint};
pub use onboard::{Onboarded, onboard};
pub use records::{Intention, PromotionRecord, Records};
