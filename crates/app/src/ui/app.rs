//! The frame of the page.

use leptos::prelude::*;

use super::{
    card::Card,
    choose_dialog::ChooseDialog,
    class_picker::ClassPicker,
    concept_picker::ConceptPicker,
    display_panel::DisplayPanel,
    drop_zone::DropZone,
    file_list::FileList,
    headline::Headline,
    help::Help,
    icons::{Glyph, Icon},
    input_dialog::InputDialog,
    layer_picker::LayerPicker,
    method_panel::MethodPanel,
    model_list::ModelList,
    picture_strip::PictureStrip,
    quality_dialog::QualityDialog,
    stored_list::StoredList,
    suggest::{SelectionBar, SuggestView},
    toasts::Toasts,
    top_bar::TopBar,
};
use crate::{
    flow::{boot, keyboard},
    pure::kinds,
    state::{EngineStatus, Sheet, Store, View},
    ui::controls::IconButton,
};

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let store = Store::new();
    provide_context(store);
    boot::begin(store);
    keyboard::listen(store);

    let sheet = move || match store.sheet.get() {
        Sheet::None => "none",
        Sheet::Sources => "sources",
        Sheet::Settings => "settings",
    };
    let explain = move || store.data.view.get() == View::Explain;
    view! {
        <div class="page" data-sheet=sheet data-view=move || if explain() { "explain" } else { "suggest" }>
            <a class="skip" href="#cards">"Skip to the main part"</a>
            <TopBar />
            <aside class="rail sources" aria-label="Models and pictures">
                <SheetHead title="Models and pictures" />
                <ModelList />
                <FileList />
                <StoredList />
                <Show when=explain><PictureStrip /></Show>
            </aside>
            <main class="centre" id="cards" tabindex="-1">
                <EngineDown />
                <Show when=explain fallback=|| view! { <SuggestView /> }>
                    <SelectionBar />
                    <Headline />
                    <Cards />
                </Show>
            </main>
            <Show when=explain>
                <aside class="rail settings" aria-label="Method, class and display">
                    <SheetHead title="Method, class and display" />
                    <MethodPanel />
                    <LayerPicker />
                    <ClassPicker />
                    <ConceptPicker />
                    <DisplayPanel />
                </aside>
            </Show>
            <button
                type="button"
                class="scrim"
                aria-label="Close"
                tabindex="-1"
                on:click=move |_| store.sheet.set(Sheet::None)
            ></button>
            <Dock />
            <Toasts />
            <DropZone />
            <Help />
            <InputDialog />
            <QualityDialog />
            <ChooseDialog />
            <div class="hidden-text" role="status" aria-live="polite" data-testid="status">
                {move || store.announcement.get()}
            </div>
        </div>
    }
}

#[component]
fn Cards() -> impl IntoView {
    let store = Store::get();
    let empty = move || store.catalog_read.get() && store.shown_models().is_empty();
    view! {
        <div class="cards" data-count=move || store.shown_models().len().to_string() data-testid="cards">
            <Show when=move || !store.catalog_read.get() && store.models.with(Vec::is_empty)>
                {(0..3).map(|_| view! { <div class="card ghost" aria-hidden="true"><div class="ghost-picture"></div></div> }).collect_view()}
            </Show>
            <For each=move || store.shown_models() key=|model| model.id.clone() let:model>
                <Card model />
            </For>
            <Show when=empty>
                <div class="empty">
                    <p>"No network is shown."</p>
                    <p class="quiet">{format!("Show one in the list of models, or drop {} anywhere.", kinds::NETWORKS)}</p>
                </div>
            </Show>
        </div>
    }
}

/// The state of a stopped engine.
#[component]
fn EngineDown() -> impl IntoView {
    let store = Store::get();
    let error = move || match store.status.get() {
        EngineStatus::Down(error) => Some(error),
        _ => None,
    };
    move || {
        error().map(|error| {
            view! {
                <section class="banner" role="alert" data-testid="engine-down">
                    <Icon glyph=Glyph::Warning />
                    <div>
                        <strong>{error.what}</strong>
                        <p>{error.advice}</p>
                        {(!error.place.is_empty()).then(|| view! { <p class="place">{error.place}</p> })}
                    </div>
                    <button type="button" class="button" data-testid="restart" on:click=move |_| boot::restart(store)>
                        "Restart engine"
                    </button>
                </section>
            }
        })
    }
}

/// Title and close button of a rail while it is a sheet.
#[component]
fn SheetHead(title: &'static str) -> impl IntoView {
    let store = Store::get();
    view! {
        <div class="sheet-head">
            <h2>{title}</h2>
            <IconButton glyph=Glyph::Cross label="Close" test="sheet-close" press=move || store.sheet.set(Sheet::None) />
        </div>
    }
}

/// Opens the sheets on a narrow window.
#[component]
fn Dock() -> impl IntoView {
    let store = Store::get();
    view! {
        <nav class="dock" aria-label="Panels">
            <button type="button" data-testid="dock-sources" on:click=move |_| store.sheet.set(Sheet::Sources)>
                <Icon glyph=Glyph::Picture />
                "Models and pictures"
            </button>
            <button type="button" data-testid="dock-settings" on:click=move |_| store.sheet.set(Sheet::Settings)>
                <Icon glyph=Glyph::Sliders />
                "Method and display"
            </button>
        </nav>
    }
}
