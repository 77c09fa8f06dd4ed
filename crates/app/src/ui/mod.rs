//! Markup, one component a file.

mod app;
mod card;
mod card_classes;
mod card_facts;
mod card_picture;
mod card_status;
mod class_picker;
mod colour_bar;
mod controls;
mod display_panel;
mod drop_zone;
mod file_list;
mod headline;
mod help;
mod icons;
mod input_dialog;
mod layer_picker;
mod method_panel;
mod model_list;
mod picture_strip;
mod toasts;
mod top_bar;
mod words;

pub use app::App;
