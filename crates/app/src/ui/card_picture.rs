//! The picture of a card: what the network sees, the heatmap over it, the cross-hair, and the state of the work.

use innspect_protocol::MapState;
use leptos::{html, prelude::*};
use web_sys::PointerEvent;

use super::{card_status::CardStatus, words};
use crate::{
    flow::keyboard,
    pure::{
        format,
        geometry::{Point, Region, pixel},
    },
    state::{ModelEntry, Store},
};

/// The picture.
#[component]
pub fn CardPicture(model: ModelEntry) -> impl IntoView {
    let store = Store::get();
    let (card, state) = (model.card, model.state);
    let stage = NodeRef::<html::Div>::new();
    let view_canvas = NodeRef::<html::Canvas>::new();
    let heat_canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        if let (Some(canvas), Some(view)) = (view_canvas.get(), card.view.get()) {
            view.draw(&canvas);
        }
    });
    Effect::new(move |_| {
        if let (Some(canvas), Some(map)) = (heat_canvas.get(), card.map.get()) {
            map.pixels.draw(&canvas);
        }
    });

    let catalog = model.catalog().map(|entry| entry.preprocessing.clone());
    let steps =
        Memo::new(move |_| state.with(|state| state.info()).map(|info| info.preprocessing.clone()).or(catalog.clone()));
    let region = Memo::new(move |_| match (steps.get(), store.picture_size()) {
        (Some(steps), Some(size)) => Region::of(&steps, size),
        _ => Region::WHOLE,
    });
    let aspect = move || {
        let [height, width] = steps.get().map_or([1, 1], |steps| steps.size.map(|side| side.max(1)));
        format!("{width} / {height}")
    };
    // Before the network's own view is there: the photo, cut as the network will cut it.
    let before = move || {
        let crop = match steps.get().map(|steps| steps.fit) {
            Some(innspect_graph::Fit::CenterCrop { crop }) if crop > 0.0 => 1.0 / crop,
            _ => 1.0,
        };
        format!("scale({crop})")
    };
    let stretched = move || steps.get().is_some_and(|steps| steps.fit == innspect_graph::Fit::Stretch);

    let at = move |client: (i32, i32)| {
        let rect = stage.get_untracked()?.get_bounding_client_rect();
        let (width, height) = (rect.width(), rect.height());
        (width > 0.0 && height > 0.0).then(|| Point {
            x: (f64::from(client.0) - rect.left()) / width,
            y: (f64::from(client.1) - rect.top()) / height,
        })
    };
    let drag = StoredValue::new(None::<Point>);
    let down = move |event: PointerEvent| {
        let point = at((event.client_x(), event.client_y()));
        if event.button() == 0 && store.viewport.get_untracked().is_zoomed() {
            drag.set_value(point);
            if let Some(stage) = stage.get_untracked() {
                stage.set_pointer_capture(event.pointer_id()).ok();
            }
        }
        if let Some(point) = point {
            set_cross(store, region.get_untracked(), point);
        }
    };
    let moved = move |event: PointerEvent| {
        let Some(point) = at((event.client_x(), event.client_y())) else { return };
        if let Some(from) = drag.get_value() {
            store.viewport.update(|viewport| *viewport = viewport.dragged(point.x - from.x, point.y - from.y));
            drag.set_value(Some(point));
        }
        set_cross(store, region.get_untracked(), point);
    };
    let wheel = move |event: web_sys::WheelEvent| {
        let (out, zoomed) = (event.delta_y() > 0.0, store.viewport.get_untracked().is_zoomed());
        let scrolled = document().get_element_by_id("cards").is_some_and(|centre| centre.scroll_top() > 0);
        // A pinch on a touchpad comes with the control key. Else, with nothing to zoom out of, the page scrolls.
        if event.delta_y() == 0.0 || (!event.ctrl_key() && !zoomed && (out || scrolled)) {
            return;
        }
        event.prevent_default();
        if let Some(point) = at((event.client_x(), event.client_y())) {
            keyboard::zoom(store, (-event.delta_y() * 0.002).exp(), point);
        }
    };

    let transform = move || {
        let viewport = store.viewport.get();
        let shift = |corner: f64| -corner * viewport.zoom * 100.0;
        format!(
            "translate({:.3}%, {:.3}%) scale({:.4})",
            shift(viewport.corner.x),
            shift(viewport.corner.y),
            viewport.zoom
        )
    };
    let cross = Memo::new(move |_| {
        let view = region.get().to_view(store.cross.get()?);
        let inside = (0.0..=1.0).contains(&view.x) && (0.0..=1.0).contains(&view.y);
        Some((view, inside))
    });
    let on_screen =
        move || cross.get().filter(|(_, inside)| *inside).map(|(view, _)| store.viewport.get().to_screen(view));
    let readout = move || {
        let (view, inside) = cross.get()?;
        if !inside {
            return Some("outside the crop".to_owned());
        }
        card.map.with(|map| {
            let map = map.as_ref()?;
            let index = pixel(view, map.explanation.width, map.explanation.height)?;
            map.values.get(index).map(|value| format::number(f64::from(*value)))
        })
    };
    let has_heat = move || {
        card.map.with(|map| {
            map.as_ref().is_some_and(|map| map.explanation.state == MapState::Ordinary && !map.pixels.rgba.is_empty())
        })
    };
    let heat_only = move || store.look.heat_only.get() && has_heat();
    let name = model.name.clone();
    let heat_label = move || {
        card.map.with(|map| match map {
            Some(map) => {
                let facts = &map.explanation.facts;
                let [low, high] = map.explanation.range.map(|value| format::number(f64::from(value)));
                format!("Heatmap of {name} for {}, {}: values from {low} to {high}", facts.label, facts.method)
            }
            None => format!("No heatmap of {name} yet"),
        })
    };
    view! {
        <div
            node_ref=stage
            class="stage"
            class:zoomed=move || store.viewport.get().is_zoomed()
            class:close=move || { store.viewport.get().zoom > 3.0 }
            tabindex="0"
            role="group"
            aria-label=format!("Picture of {}; arrow keys move the cross-hair", model.name)
            data-picture=""
            data-testid="stage"
            style:aspect-ratio=aspect
            on:pointerdown=down
            on:pointermove=moved
            on:pointerup=move |_| drag.set_value(None)
            on:pointercancel=move |_| drag.set_value(None)
            on:pointerleave=move |event: PointerEvent| {
                if event.pointer_type() == "mouse" {
                    store.cross.set(None);
                }
            }
            on:wheel=wheel
        >
            <div class="layers" style:transform=transform class:heat-only=heat_only>
                {move || {
                    let waiting = card.view.with(Option::is_none);
                    store.picture().filter(|_| waiting).map(|picture| view! {
                        <img class="photo" class:stretched=stretched src=picture.url.clone() alt=picture.title.clone() style:transform=before draggable="false" />
                    })
                }}
                <canvas
                    node_ref=view_canvas
                    class="view"
                    class:absent=move || card.view.with(Option::is_none)
                    role="img"
                    aria-label=move || store.picture().map(|picture| format!("What the network sees of {}", picture.title))
                    data-testid="view"
                ></canvas>
                <canvas
                    node_ref=heat_canvas
                    class="heat"
                    class:absent=move || !has_heat()
                    role="img"
                    aria-label=heat_label
                    data-testid="heatmap"
                    data-partial=move || card.map.with(|map| map.as_ref().is_some_and(|map| !map.is_finished())).then_some("")
                    data-map=move || card.map.with(|map| map.as_ref().map(|map| words::colormap(store.look.colormap.get(), map.explanation.signed)))
                    style:opacity=move || if heat_only() { "1".to_owned() } else { format!("{}", f64::from(store.look.opacity.get()) / 100.0) }
                ></canvas>
            </div>
            {move || on_screen().map(|point| view! {
                <span class="hair across" aria-hidden="true" style:top=format!("{:.3}%", point.y * 100.0)></span>
                <span class="hair along" aria-hidden="true" style:left=format!("{:.3}%", point.x * 100.0)></span>
            })}
            {move || readout().map(|text| view! { <output class="readout" data-testid="relevance">{text}</output> })}
            <CardStatus model=model.clone() />
        </div>
    }
}

fn set_cross(store: Store, region: Region, screen: Point) {
    let view = store.viewport.get_untracked().to_view(screen);
    let inside = (0.0..=1.0).contains(&view.x) && (0.0..=1.0).contains(&view.y);
    store.cross.set(inside.then(|| region.to_picture(view)));
}
