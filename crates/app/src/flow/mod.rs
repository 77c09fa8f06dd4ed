//! What happens when: loading, explaining, drawing anew, files, keys, the link. No markup.

pub mod baselines;
pub mod boot;
pub mod datasets;
pub mod explaining;
pub mod files;
pub mod input;
pub mod items;
pub mod keyboard;
pub mod link;
pub mod loading;
pub mod marking;
pub mod quality;
pub mod selection;
pub mod sensitivity;
pub mod stored;
pub mod target;
pub mod thumbnails;
