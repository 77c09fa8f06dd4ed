//! Keys of the table to what they do.

use innspect_protocol::ModelId;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::{HtmlElement, HtmlInputElement, KeyboardEvent};

use super::{explaining, items, marking, quality, selection};
use crate::{
    pure::{
        geometry::{Point, Region},
        keys::{self, Action, Scope},
    },
    state::{Sheet, Store, Tab, View},
};

/// Id of the class search field.
pub const CLASS_FIELD: &str = "class-search";
/// Id of the hidden file picker.
pub const FILE_FIELD: &str = "file-picker";
/// Id of the hidden folder picker.
pub const FOLDER_FIELD: &str = "folder-picker";

/// Listens to keys from now on.
pub fn listen(store: Store) {
    window_event_listener(leptos::ev::keydown, move |event| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || event.default_prevented() {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
        let on_picture = target.as_ref().is_some_and(|target| target.dataset().get("picture").is_some());
        let suggest = store.data.view.get_untracked() == View::Suggest;
        let narrower = if suggest { Some(Scope::Suggest) } else { on_picture.then_some(Scope::Picture) };
        let Some(action) = keys::action(&event.key(), narrower).filter(|action| !suggest || action.suits_suggest())
        else {
            return;
        };
        if target.as_ref().is_some_and(|target| uses_key(target, &event)) {
            return;
        }
        // A dialog handles Escape by itself and lets no other key through.
        let dialog = |open: RwSignal<Option<ModelId>>| open.with_untracked(Option::is_some);
        let choosing = store.choosing.with_untracked(Option::is_some) || store.data.truth_open.get_untracked();
        if store.help.get_untracked() || dialog(store.configuring) || dialog(store.inspecting) || choosing {
            return;
        }
        if !matches!(action, Action::Escape) {
            event.prevent_default();
        }
        act(store, action);
    });
}

/// Whether an element needs the key for itself.
fn uses_key(target: &HtmlElement, event: &KeyboardEvent) -> bool {
    let key = event.key();
    match target.tag_name().as_str() {
        "TEXTAREA" => true,
        "SELECT" => key != "Escape" && key != "?",
        "INPUT" => {
            let kind = target.dyn_ref::<HtmlInputElement>().map(HtmlInputElement::type_).unwrap_or_default();
            match kind.as_str() {
                "checkbox" => false,
                "radio" | "range" => key.starts_with("Arrow"),
                _ => key != "Escape",
            }
        }
        _ => false,
    }
}

fn act(store: Store, action: Action) {
    let centre = Point { x: 0.5, y: 0.5 };
    let opacity = |by: i16| {
        store.look.opacity.update(|opacity| *opacity = (i16::from(*opacity) + by).clamp(0, 100) as u8);
    };
    match action {
        Action::NextPicture => step(store, 1),
        Action::PreviousPicture => step(store, -1),
        Action::NextMethod => selection::step_method(store, 1),
        Action::PreviousMethod => selection::step_method(store, -1),
        Action::ZoomIn => zoom(store, 1.5, centre),
        Action::ZoomOut => zoom(store, 1.0 / 1.5, centre),
        Action::ZoomReset => store.viewport.set(Default::default()),
        Action::Cross(dx, dy) => move_cross(store, dx, dy),
        Action::HeatOnly => store.look.heat_only.update(|only| *only = !*only),
        Action::MoreOpacity => opacity(10),
        Action::LessOpacity => opacity(-10),
        Action::TopClass => selection::choose_top(store),
        Action::FindClass => {
            if is_narrow() {
                store.sheet.set(Sheet::Settings);
                // The sheet opens with the next frame, and nothing hidden takes the focus.
                set_timeout(|| focus(CLASS_FIELD), std::time::Duration::from_millis(30));
            } else {
                // At once: what is typed next belongs to the field.
                focus(CLASS_FIELD);
            }
        }
        Action::OpenFiles => pick_files(),
        Action::Theme => {
            store.theme.update(|theme| *theme = theme.next());
            store.theme.get_untracked().apply();
        }
        Action::ViewExplain => store.data.view.set(View::Explain),
        Action::ViewSuggest => store.data.view.set(View::Suggest),
        Action::TwinTable => twin(store),
        Action::ExplainItem => {
            if let Some(item) = store.data.primary.get_untracked() {
                items::explain(store, item);
            }
        }
        Action::Escape => escape(store),
        Action::Help => store.help.set(true),
    }
}

/// To the next picture: of the selection while one of the data set is looked at, else of the strip.
fn step(store: Store, by: isize) {
    let of_set = store.data.view.get_untracked() == View::Suggest || untrack(|| items::explained(store)).is_some();
    if !(of_set && marking::step(store, by)) && store.data.view.get_untracked() == View::Explain {
        selection::step_picture(store, by);
    }
}

/// From the plot to the table that says the same, and back.
pub fn twin(store: Store) {
    let suggest = store.suggest;
    let tab = untrack(|| suggest.shown_tab());
    if tab == Tab::Table {
        suggest.tab.set(suggest.plot.get_untracked());
    } else {
        suggest.plot.set(Some(tab));
        suggest.tab.set(Some(Tab::Table));
    }
}

/// Zooms all cards around a point of the screen.
pub fn zoom(store: Store, factor: f64, screen: Point) {
    store.viewport.update(|viewport| *viewport = viewport.zoomed(factor, screen));
}

/// Opens the browser's file picker.
pub fn pick_files() {
    click(FILE_FIELD);
}

/// Presses an element, as a hidden picker.
pub fn click(id: &str) {
    if let Some(field) = element(id) {
        field.click();
    }
}

/// Whether the rails are sheets, as the style sheet decides.
fn is_narrow() -> bool {
    let query = web_sys::window().and_then(|window| window.match_media("(max-width: 899px)").ok().flatten());
    query.is_some_and(|query| query.matches())
}

/// Gives an element the focus.
pub fn focus(id: &str) {
    if let Some(field) = element(id) {
        field.focus().ok();
    }
}

/// Gives the focus to an element that need not be one of HTML, such as a bar of a plot.
pub fn focus_any(id: &str) {
    let element = document().get_element_by_id(id);
    let focus = element.as_ref().and_then(|element| js_sys::Reflect::get(element, &"focus".into()).ok());
    if let (Some(element), Some(focus)) = (element, focus.and_then(|focus| focus.dyn_into::<js_sys::Function>().ok())) {
        focus.call0(&element).ok();
    }
}

/// Takes the focus off an element.
pub fn blur(id: &str) {
    if let Some(field) = element(id) {
        field.blur().ok();
    }
}

fn element(id: &str) -> Option<HtmlElement> {
    document().get_element_by_id(id).and_then(|field| field.dyn_into::<HtmlElement>().ok())
}

fn escape(store: Store) {
    if store.sheet.get_untracked() != Sheet::None {
        return store.sheet.set(Sheet::None);
    }
    if store.data.view.get_untracked() == View::Suggest {
        if store.suggest.preview.get_untracked().is_some() {
            store.suggest.preview.set(None);
        } else {
            marking::clear(store);
        }
        return;
    }
    for model in store.models.get_untracked() {
        explaining::stop(store, &model);
        quality::stop_all(store, model.card);
    }
    store.cross.set(None);
}

/// Moves the cross-hair by pixels of the first network's view.
fn move_cross(store: Store, dx: i32, dy: i32) {
    let info =
        store.models.get_untracked().into_iter().find_map(|model| model.state.with_untracked(|state| state.info()));
    let (Some(info), Some(size)) = (info, untrack(|| store.picture_size())) else { return };
    let region = Region::of(&info.preprocessing, size);
    let view = store.cross.get_untracked().map_or(Point { x: 0.5, y: 0.5 }, |cross| region.to_view(cross));
    let [height, width] = info.preprocessing.size.map(|side| side.max(1) as f64);
    let step = |at: f64, by: i32, side: f64| (at + f64::from(by) / side).clamp(0.5 / side, 1.0 - 0.5 / side);
    let view = Point { x: step(view.x, dx, width), y: step(view.y, dy, height) };
    store.cross.set(Some(region.to_picture(view)));
}
