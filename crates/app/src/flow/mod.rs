//! What happens when: loading, explaining, drawing anew, files, keys, the link. No markup.

pub mod baselines;
pub mod boot;
pub mod built_in_sets;
pub mod datasets;
pub mod dropping;
pub mod explaining;
pub mod files;
pub mod input;
pub mod items;
pub mod kept_scans;
pub mod keyboard;
pub mod link;
pub mod loading;
pub mod marking;
pub mod picking;
pub mod quality;
pub mod scan_rows;
pub mod scanning;
pub mod selection;
pub mod sensitivity;
pub mod stored;
pub mod target;
pub mod thumbnails;
pub mod truth;
pub mod verdicts;
