//! The scatter: every picture a point.

use std::sync::Arc;

use leptos::{html, prelude::*};
use web_sys::{KeyboardEvent, PointerEvent};

use super::{
    palette::{Palette, theme_changes},
    preview::Preview,
    scatter_axes::{Axes, Corners, ThresholdSlider},
    scatter_draw::{self, Overlay, Size},
    scatter_form::ByNumbers,
    scatter_legend::{Colours, Reading},
    scatter_tools::Tools,
};
use crate::{
    flow::{items, marking},
    pure::suggest::{
        cloud::{Cloud, quadrants},
        raster::Raster,
        words,
    },
    state::{Store, Tool},
    web::resize,
};

/// How near the pointer must come to a point, in CSS pixels; fingers are given more.
const NEAR: f64 = 8.0;
const NEAR_FINGER: f64 = 18.0;
/// How far a press may wander and still be a click.
const CLICK: f64 = 4.0;

/// A drag that goes on.
#[derive(Clone)]
struct Drag {
    path: Vec<[f64; 2]>,
    lasso: bool,
    add: bool,
    moved: bool,
    before: Arc<Vec<u32>>,
}

/// The plot with its tools.
#[component]
pub fn Scatter() -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let cloud = Memo::new_with_compare(
        move |_| {
            let (facts, visible) = (suggest.facts.get(), suggest.visible.get());
            Arc::new(Cloud::new(&facts, &visible, suggest.x.get(), suggest.y.get()))
        },
        |_, _| true,
    );
    let corners = Memo::new_with_compare(
        move |_| Arc::new(quadrants(&suggest.facts.get(), &suggest.visible.get(), suggest.threshold.get())),
        |_, _| true,
    );
    let summary = move || {
        let counts = corners.get().each_ref().map(Vec::len);
        let selected = store.data.selection.with(|items| items.len());
        words::scatter(cloud.with(|cloud| cloud.len()), &counts, suggest.threshold.get(), selected)
    };
    let missing = move || {
        let missing = cloud.with(|cloud| cloud.missing);
        (missing > 0)
            .then(|| format!("{} without a value on these axes, as those not scanned yet.", words::pictures(missing)))
    };
    view! {
        <figure class="scatter" data-testid="scatter" aria-labelledby="scatter-summary">
            <Tools cloud />
            <Corners corners top=true />
            <Area cloud />
            <Corners corners top=false />
            <figcaption>
                <p id="scatter-summary" class="note" data-testid="scatter-summary">{summary}</p>
                {move || missing().map(|text| view! { <p class="note quiet" data-testid="scatter-missing">{text}</p> })}
            </figcaption>
            <div class="scatter-more">
                <ByNumbers cloud />
                <Reading />
            </div>
        </figure>
    }
}

/// The part that is drawn.
#[component]
fn Area(cloud: Memo<Arc<Cloud>>) -> impl IntoView {
    let store = Store::get();
    let suggest = store.suggest;
    let area = NodeRef::<html::Div>::new();
    let (base, marked, top) =
        (NodeRef::<html::Canvas>::new(), NodeRef::<html::Canvas>::new(), NodeRef::<html::Canvas>::new());
    let size = RwSignal::new(Size::default());
    let shape = RwSignal::new(Arc::<Vec<[f64; 2]>>::default());
    let theme = theme_changes(store);

    let watch = StoredValue::new_local(None);
    Effect::new(move |_| {
        let Some(area) = area.get() else { return };
        let element = area.clone();
        let measured = move || {
            let (width, height) = (f64::from(element.client_width()), f64::from(element.client_height()));
            let now = Size { width, height, ratio: window().device_pixel_ratio().clamp(1.0, 3.0) };
            if width > 0.0 && size.try_get_untracked().is_some_and(|before| before != now) {
                size.try_set(now);
            }
        };
        measured();
        watch.set_value(resize::watch(&area, measured));
    });
    let palette = Memo::new(move |_| {
        theme.track();
        area.get().map(|area| Palette::read(&area))
    });
    let legend = Memo::new(move |_| {
        let palette = palette.get()?;
        Some(scatter_draw::legend(&suggest.facts.get(), &cloud.get(), &suggest.colouring.get(), &palette))
    });

    let pixels = StoredValue::new_local(Raster::default());
    Effect::new(move |_| {
        let (Some(canvas), Some(palette), size) = (base.get(), palette.get(), size.get()) else { return };
        if size.width > 0.0 {
            legend.with(|legend| {
                let Some(legend) = legend else { return };
                pixels
                    .update_value(|raster| scatter_draw::points(&canvas, raster, size, &cloud.get(), legend, &palette));
            });
        }
    });
    Effect::new(move |_| {
        let (Some(canvas), Some(palette), size) = (marked.get(), palette.get(), size.get()) else { return };
        if size.width > 0.0 {
            let items = store.data.selection.get();
            pixels.update_value(|raster| scatter_draw::selected(&canvas, raster, size, &cloud.get(), &items, &palette));
        }
    });
    Effect::new(move |_| {
        let (Some(canvas), Some(palette), size) = (top.get(), palette.get(), size.get()) else { return };
        let cloud = cloud.get();
        let place = |item: Option<u32>| item.and_then(|item| cloud.place(item));
        let overlay = Overlay {
            primary: place(store.data.primary.get()),
            focus: place(store.data.focus.get()),
            shape: shape.get(),
        };
        scatter_draw::overlay(&canvas, size, cloud.len(), &overlay, &palette);
    });

    let nearest = move |at: [f64; 2], pixels: f64| {
        let size = size.get_untracked();
        cloud.with_untracked(|cloud| cloud.nearest(size.share(at), size.radius(pixels)))
    };
    let drag = StoredValue::new_local(None::<Drag>);
    let hide = move || {
        // Time to reach the preview with the pointer.
        set_timeout(
            move || {
                // The plot may be gone by then.
                let Some(canvas) = top.try_get_untracked() else { return };
                let over = canvas.is_some_and(|canvas| canvas.matches(":hover").unwrap_or(false))
                    || document().query_selector(".preview:hover").ok().flatten().is_some();
                if !over {
                    store.suggest.preview.set(None);
                    store.data.focus.set(None);
                }
            },
            std::time::Duration::from_millis(220),
        );
    };
    let down = move |event: PointerEvent| {
        if event.button() != 0 {
            return;
        }
        if let Some(canvas) = top.get_untracked() {
            canvas.set_pointer_capture(event.pointer_id()).ok();
        }
        let lasso = event.alt_key() || suggest.tool.get_untracked() == Tool::Lasso;
        drag.set_value(Some(Drag {
            path: vec![place(&event)],
            lasso,
            add: event.shift_key(),
            moved: false,
            before: store.data.selection.get_untracked(),
        }));
    };
    let moved = move |event: PointerEvent| {
        let at = place(&event);
        let dragging = drag.try_update_value(|drag| {
            let drag = drag.as_mut()?;
            let start = drag.path.first().copied().unwrap_or(at);
            drag.moved |= (at[0] - start[0]).hypot(at[1] - start[1]) > CLICK;
            if drag.lasso {
                drag.path.push(at);
            } else {
                drag.path = vec![start, at];
            }
            Some(drag.clone())
        });
        match dragging.flatten() {
            Some(drag) if drag.moved => {
                suggest.preview.set(None);
                let size = size.get_untracked();
                let (corners, found) = enclosed(&drag, size, &cloud.get_untracked());
                shape.set(Arc::new(corners));
                let mut found = found;
                if drag.add {
                    found.extend(drag.before.iter());
                }
                marking::select(store, found, false);
            }
            Some(_) => {}
            None => {
                let item = nearest(at, NEAR);
                if store.data.focus.get_untracked() != item {
                    store.data.focus.set(item);
                }
                if let Some(item) = item {
                    show_preview(store, &cloud.get_untracked(), size.get_untracked(), item);
                } else {
                    hide();
                }
            }
        }
    };
    let up = move |event: PointerEvent| {
        let Some(ended) = drag.try_update_value(Option::take).flatten() else { return };
        shape.set(Arc::default());
        if ended.moved {
            let count = store.data.selection.with_untracked(|items| items.len());
            store.announcement.set(format!("{} selected", words::pictures(count)));
            return;
        }
        let near = if event.pointer_type() == "touch" { NEAR_FINGER } else { NEAR };
        match nearest(place(&event), near) {
            Some(item) if event.ctrl_key() || event.meta_key() => marking::toggle(store, item),
            Some(item) if event.shift_key() => {
                marking::select(store, vec![item], true);
                store.data.primary.set(Some(item));
            }
            Some(item) => {
                marking::choose(store, item);
                show_preview(store, &cloud.get_untracked(), size.get_untracked(), item);
            }
            None if !event.shift_key() && !event.ctrl_key() && !event.meta_key() => marking::clear(store),
            None => {}
        }
    };
    let cancelled = move |_| {
        if let Some(ended) = drag.try_update_value(Option::take).flatten() {
            shape.set(Arc::default());
            marking::select(store, ended.before.to_vec(), false);
        }
    };
    let key = move |event: KeyboardEvent| {
        if event.alt_key() || event.ctrl_key() || event.meta_key() {
            return;
        }
        let cloud = cloud.get_untracked();
        let now = store.data.focus.get_untracked().or(store.data.primary.get_untracked());
        let far = if event.shift_key() { 10 } else { 1 };
        let to = match event.key().as_str() {
            "ArrowRight" => cloud.step(now, far),
            "ArrowLeft" => cloud.step(now, -far),
            "ArrowUp" => now.map_or_else(|| cloud.step(None, 1), |now| cloud.beyond(now, true)),
            "ArrowDown" => now.map_or_else(|| cloud.step(None, 1), |now| cloud.beyond(now, false)),
            "Home" => cloud.step(None, 1),
            "End" => cloud.step(None, -1),
            "Enter" | " " => {
                if let Some(item) = now {
                    if event.key() == "Enter" {
                        marking::choose(store, item);
                        store.announcement.set(format!("image {} is the primary one", item + 1));
                    } else {
                        marking::toggle(store, item);
                    }
                }
                event.prevent_default();
                return;
            }
            _ => return,
        };
        event.prevent_default();
        if let Some(item) = to {
            store.data.focus.set(Some(item));
            show_preview(store, &cloud, size.get_untracked(), item);
            store.announcement.set(words::spoken(&suggest.facts.get_untracked(), item));
        }
    };
    on_cleanup(move || {
        store.suggest.preview.set(None);
        store.data.focus.set(None);
    });
    let some_selected = move || store.data.selection.with(|items| !items.is_empty());
    view! {
        <Colours legend />
        <div node_ref=area class="scatter-area" data-testid="scatter-area">
            <Axes size cloud />
            <canvas node_ref=base class="scatter-layer" class:dimmed=some_selected></canvas>
            <canvas node_ref=marked class="scatter-layer"></canvas>
            <canvas
                node_ref=top
                class="scatter-layer scatter-top"
                tabindex="0"
                role="application"
                aria-roledescription="scatter plot"
                aria-label="Pictures as points. Arrows go from point to point, Enter makes a picture the primary one, Space selects it."
                aria-describedby="scatter-summary"
                data-testid="scatter-canvas"
                on:pointerdown=down
                on:pointermove=moved
                on:pointerup=up
                on:pointercancel=cancelled
                on:pointerleave=move |_| hide()
                on:dblclick=move |event| {
                    let at = [f64::from(event.offset_x()), f64::from(event.offset_y())];
                    if let Some(item) = nearest(at, NEAR) {
                        items::explain(store, item);
                    }
                }
                on:keydown=key
                on:blur=move |_| hide()
            ></canvas>
            <ThresholdSlider size />
            <Preview width=Signal::derive(move || size.get().width) />
        </div>
    }
}

fn place(event: &PointerEvent) -> [f64; 2] {
    [f64::from(event.offset_x()), f64::from(event.offset_y())]
}

fn show_preview(store: Store, cloud: &Cloud, size: Size, item: u32) {
    let at = cloud.place(item).map(|place| size.pixel(place));
    let preview = at.map(|[x, y]| (item, x, y));
    if store.suggest.preview.get_untracked() != preview {
        store.suggest.preview.set(preview);
    }
}

/// Corners of what a drag encloses, in pixels, and the pictures in it.
fn enclosed(drag: &Drag, size: Size, cloud: &Cloud) -> (Vec<[f64; 2]>, Vec<u32>) {
    if drag.lasso {
        let corners: Vec<[f32; 2]> = drag.path.iter().map(|at| size.share(*at)).collect();
        return (drag.path.clone(), cloud.in_lasso(&corners));
    }
    let (Some(&a), Some(&b)) = (drag.path.first(), drag.path.last()) else { return Default::default() };
    (vec![a, [b[0], a[1]], b, [a[0], b[1]]], cloud.in_rectangle(size.share(a), size.share(b)))
}
