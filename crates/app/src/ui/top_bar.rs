//! Name, device, network, theme, help.

use innspect_protocol::DeviceKind;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast as _;

use super::{
    controls::IconButton,
    icons::{Glyph, Icon, Mark},
};
use crate::{
    state::{EngineStatus, Store, View},
    web::theme::Theme,
};

/// The bar at the top.
#[component]
pub fn TopBar() -> impl IntoView {
    let store = Store::get();
    view! {
        <header class="top-bar">
            <h1 class="brand"><Mark /><span>"i"<b>"NN"</b>"spect"</span></h1>
            <nav class="views" aria-label="Views" data-testid="views">
                <ViewButton view=View::Explain word="Explain" key="1" />
                <ViewButton view=View::Suggest word="Suggest" key="2" />
            </nav>
            <p class="promise">"Everything runs on this machine. Nothing is uploaded."</p>
            <div class="top-tools">
                <Show when=move || !store.online.get()>
                    <span class="badge" data-testid="offline">
                        <Icon glyph=Glyph::Offline />
                        "Offline"
                    </span>
                </Show>
                <DeviceBadge />
                <ThemeButton />
                <IconButton glyph=Glyph::Question label="Help and keys (?)" test="help" press=move || store.help.set(true) />
            </div>
        </header>
    }
}

#[component]
fn ViewButton(view: View, word: &'static str, key: &'static str) -> impl IntoView {
    let store = Store::get();
    view! {
        <button
            type="button"
            aria-current=move || (store.data.view.get() == view).then_some("page")
            aria-keyshortcuts=key
            title=format!("{word} ({key})")
            data-testid=format!("view-{}", word.to_lowercase())
            on:click=move |_| store.data.view.set(view)
        >
            {word}
        </button>
    }
}

#[component]
fn DeviceBadge() -> impl IntoView {
    let store = Store::get();
    let word = move || match store.status.get() {
        EngineStatus::Starting => "Starting engine".to_owned(),
        EngineStatus::Down(_) => "Engine stopped".to_owned(),
        EngineStatus::Ready(device) if device.kind == DeviceKind::Cpu => "CPU".to_owned(),
        EngineStatus::Ready(device) => device.name,
    };
    let kind = move || match store.status.get() {
        EngineStatus::Starting => "starting",
        EngineStatus::Down(_) => "down",
        EngineStatus::Ready(device) if device.kind == DeviceKind::Cpu => "cpu",
        EngineStatus::Ready(_) => "gpu",
    };
    let why = move || match store.status.get() {
        EngineStatus::Starting => "The engine is loaded; pictures can be chosen meanwhile.".to_owned(),
        EngineStatus::Down(error) => error.what,
        EngineStatus::Ready(device) => match (device.notice, device.kind) {
            (Some(notice), _) => notice,
            (None, DeviceKind::Cpu) => "Computing on the processor, as asked for in the address.".to_owned(),
            (None, DeviceKind::Gpu) => format!("Computing with WebGPU on {}.", device.name),
        },
    };
    let details = NodeRef::<html::Details>::new();
    window_event_listener(ev::click, move |event| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Node>().ok());
        if let Some(details) = details.get_untracked()
            && !details.contains(target.as_ref())
        {
            details.set_open(false);
        }
    });
    view! {
        <details
            node_ref=details
            class="device"
            data-testid="device-badge"
            data-device=kind
            on:keydown=move |event| {
                if event.key() == "Escape" && let Some(details) = details.get() {
                    details.set_open(false);
                    event.prevent_default();
                }
            }
        >
            <summary class="badge" aria-label=move || format!("Device: {}", word())>
                <span class="lamp"></span>
                <span class="device-name">{word}</span>
            </summary>
            <div class="popover">
                <p>{why}</p>
                <p class="choices">
                    <a href="?device=gpu">"Use the GPU"</a>
                    <a href="?device=cpu">"Use the CPU"</a>
                    <a href="?">"Choose by itself"</a>
                </p>
            </div>
        </details>
    }
}

#[component]
fn ThemeButton() -> impl IntoView {
    let store = Store::get();
    let label = move || match store.theme.get() {
        Theme::Auto => "Theme: as the system",
        Theme::Light => "Theme: light",
        Theme::Dark => "Theme: dark",
    };
    let glyph = move || match store.theme.get() {
        Theme::Auto => Glyph::HalfMoon,
        Theme::Light => Glyph::Sun,
        Theme::Dark => Glyph::Moon,
    };
    view! {
        <button
            type="button"
            class="icon-button"
            aria-label=label
            title=label
            data-testid="theme"
            on:click=move |_| {
                store.theme.update(|theme| *theme = theme.next());
                store.theme.get_untracked().apply();
            }
        >
            {move || view! { <Icon glyph=glyph() /> }}
        </button>
    }
}
