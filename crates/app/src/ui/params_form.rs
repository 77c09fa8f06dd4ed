//! The parameters of a method as a form.

use innspect_protocol::{MethodInfo, ParamInfo, ParamKind, ParamValue};
use leptos::prelude::*;

use super::{
    baseline_field::BaselineField,
    input_rule_field::InputRuleField,
    param_field::{AutoInput, ChoiceInput, NumberInput},
    segments_field::SegmentsField,
};
use crate::{
    pure::params::{changed, default_of, fit},
    state::Store,
};

/// More parameters than this are folded away.
const MOST_OPEN: usize = 3;

/// A parameter of the form: its value, and how to change it.
#[derive(Clone, Copy)]
pub struct Param {
    store: Store,
    method: StoredValue<String>,
    info: StoredValue<ParamInfo>,
    value: Memo<ParamValue>,
}

impl Param {
    fn new(method: String, info: ParamInfo) -> Self {
        let store = Store::get();
        let (of, name, kind) = (method.clone(), info.name.clone(), info.kind.clone());
        let value = Memo::new(move |_| {
            let kept = store.params.with(|params| params.get(&of)?.get(&name).cloned());
            kept.and_then(|value| fit(&kind, &value)).unwrap_or_else(|| default_of(&kind))
        });
        Self { store, method: StoredValue::new(method), info: StoredValue::new(info), value }
    }

    /// Id of the field, also in tests.
    pub fn id(self) -> String {
        self.info.with_value(|info| format!("param-{}", info.name))
    }

    /// Its name for people.
    pub fn label(self) -> String {
        self.info.with_value(|info| info.label.clone())
    }

    /// Its help.
    pub fn help(self) -> String {
        self.info.with_value(|info| info.help.clone())
    }

    /// The value as text, tracked.
    pub fn text(self) -> String {
        match self.value.get() {
            // So many zeros would not fit into the field.
            ParamValue::Number(number) if number != 0.0 && number.abs() < 1e-3 => format!("{number:e}"),
            ParamValue::Number(number) => number.to_string(),
            ParamValue::Text(text) => text,
        }
    }

    /// Takes a value if it fits.
    pub fn set(self, value: &ParamValue) {
        let Some(value) = self.info.with_value(|info| fit(&info.kind, value)) else { return };
        let (method, name) = (self.method.get_value(), self.info.with_value(|info| info.name.clone()));
        self.store.params.update(|params| drop(params.entry(method).or_default().insert(name, value)));
    }
}

/// The form; many parameters are folded away.
#[component]
pub fn ParamsForm(method: MethodInfo) -> impl IntoView {
    let store = Store::get();
    let method = StoredValue::new(method);
    let count = method.with_value(|method| method.params.len());
    let fields = method.with_value(|method| {
        let field = |info: &ParamInfo| view! { <Parameter param=Param::new(method.id.clone(), info.clone()) kind=info.kind.clone() /> };
        method.params.iter().map(field).collect_view()
    });
    let changes = Memo::new(move |_| {
        method.with_value(|method| store.params.with(|params| changed(method, params.get(&method.id)).len()))
    });
    let summary = move || match changes.get() {
        0 => "Parameters".to_owned(),
        changes => format!("Parameters, {changes} changed"),
    };
    let fields = if count > MOST_OPEN {
        view! {
            <details class="more fold" data-testid="params" open=changes.get_untracked() != 0>
                <summary>{summary}</summary>
                <div class="stack">{fields}</div>
            </details>
        }
        .into_any()
    } else {
        fields.into_any()
    };
    view! {
        {fields}
        <Show when=move || changes.get() != 0>
            <button
                type="button"
                class="text-button"
                data-testid="params-reset"
                on:click=move |_| {
                    let id = method.with_value(|method| method.id.clone());
                    store.params.update(|params| drop(params.remove(&id)));
                }
            >
                "Back to the defaults"
            </button>
        </Show>
    }
}

#[component]
fn Parameter(param: Param, kind: ParamKind) -> impl IntoView {
    let help = param.help();
    // These have several controls and say themselves how they are named.
    let whole = match &kind {
        ParamKind::Baseline { .. } => Some(view! { <BaselineField param /> }.into_any()),
        ParamKind::Segments { .. } => Some(view! { <SegmentsField param /> }.into_any()),
        ParamKind::InputRule => Some(view! { <InputRuleField param /> }.into_any()),
        _ => None,
    };
    let field = whole.unwrap_or_else(|| {
        let control = match kind {
            ParamKind::Number { min, max, .. } => view! { <NumberInput param min max whole=false /> }.into_any(),
            ParamKind::Integer { min, max, .. } => {
                view! { <NumberInput param min=f64::from(min) max=f64::from(max) whole=true /> }.into_any()
            }
            ParamKind::Auto { min, max } => view! { <AutoInput param min max /> }.into_any(),
            ParamKind::Choice { options } => view! { <ChoiceInput param options /> }.into_any(),
            ParamKind::Baseline { .. } | ParamKind::Segments { .. } | ParamKind::InputRule => ().into_any(),
        };
        view! {
            <div class="field row" title=param.help()>
                <label for=param.id()>{param.label()}</label>
                {control}
            </div>
        }
        .into_any()
    });
    view! {
        {field}
        <p class="help">{help}</p>
    }
}
