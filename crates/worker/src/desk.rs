//! Takes requests in: starts the session, queues jobs, cancels them.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use innspect_engine::Device;
use innspect_protocol::{DeviceChoice, DeviceInfo, DeviceKind, Job, Reply, Request};
use wasm_bindgen::{JsCast as _, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::MessageEvent;

use crate::{
    failure::Failure,
    gpu_probe,
    model::Known,
    pause::Cancelled,
    port::{self, Incoming},
    session::{Asked, Session},
};

#[derive(Default)]
struct Desk {
    session: RefCell<Option<Rc<Session>>>,
    cancelled: Cancelled,
    queue: RefCell<VecDeque<Incoming>>,
    busy: RefCell<bool>,
    running: RefCell<Option<Job>>,
}

/// Listens to the page.
pub fn open() {
    let desk = Rc::new(Desk::default());
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| match port::parse(&event) {
        Ok(incoming) => take(&desk, incoming),
        Err(error) => port::send(&Reply::Failed { job: None, error }),
    });
    port::scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The listener lives as long as the worker.
    on_message.forget();
    port::send(&Reply::Listening);
}

/// What is quick is done at once, also while a job runs; the rest queues.
fn take(desk: &Rc<Desk>, incoming: Incoming) {
    let session = desk.session.borrow().clone();
    match (&incoming.request, session) {
        (Request::Start { device }, _) => {
            let (desk, choice) = (desk.clone(), *device);
            spawn_local(async move {
                let (device, info) = start(choice).await;
                *desk.session.borrow_mut() =
                    Some(Rc::new(Session::new(device, info.name.clone(), desk.cancelled.clone())));
                port::send(&Reply::Started { device: info, methods: innspect_explain::methods() });
                work(&desk).await;
            });
        }
        (Request::Cancel { job }, _) => cancel(desk, *job),
        (Request::Render { job, display }, Some(session)) => {
            let (job, display) = (*job, *display);
            spawn_local(async move {
                if let Err(failure) = session.render(job, display).await {
                    port::send(&failure.into_reply(job));
                }
            });
        }
        (Request::ShowBaseline { job, model, image, baseline }, Some(session)) => {
            let job = *job;
            if let Err(failure) = session.show_baseline(job, model, image, baseline) {
                port::send(&failure.into_reply(job));
            }
        }
        (Request::Forget { job }, Some(session)) => session.forget(*job),
        _ => {
            desk.queue.borrow_mut().push_back(incoming);
            let desk = desk.clone();
            spawn_local(async move { work(&desk).await });
        }
    }
}

/// A waiting job leaves the queue; a running one is told to stop at its next pause.
fn cancel(desk: &Desk, job: Job) {
    let mut queue = desk.queue.borrow_mut();
    let before = queue.len();
    queue.retain(|waiting| job_of(&waiting.request) != Some(job));
    if queue.len() < before {
        port::send(&Reply::Cancelled { job });
    } else if *desk.running.borrow() == Some(job) {
        desk.cancelled.borrow_mut().insert(job);
    } else if let Some(session) = desk.session.borrow().as_ref() {
        // It had just finished: nobody will draw its result.
        session.forget(job);
    }
}

/// Works the queue off, one job at a time.
async fn work(desk: &Rc<Desk>) {
    let Some(session) = desk.session.borrow().clone() else { return };
    if desk.busy.replace(true) {
        return;
    }
    loop {
        let Some(incoming) = desk.queue.borrow_mut().pop_front() else { break };
        let job = job_of(&incoming.request);
        *desk.running.borrow_mut() = job;
        let outcome = run(&session, incoming).await;
        *desk.running.borrow_mut() = None;
        if let Some(job) = job {
            desk.cancelled.borrow_mut().remove(&job);
            if let Err(failure) = outcome {
                port::send(&failure.into_reply(job));
            }
        }
    }
    desk.busy.replace(false);
}

fn job_of(request: &Request) -> Option<Job> {
    match request {
        Request::LoadModel { job, .. }
        | Request::LoadImage { job, .. }
        | Request::OpenFile { job, .. }
        | Request::ConfigureModel { job, .. }
        | Request::Predict { job, .. }
        | Request::Explain { job, .. }
        | Request::Assess { job, .. }
        | Request::ShowBaseline { job, .. }
        | Request::Render { job, .. }
        | Request::Forget { job }
        | Request::Cancel { job } => Some(*job),
        Request::Start { .. } | Request::DropModel { .. } | Request::DropImage { .. } => None,
    }
}

async fn run(session: &Session, incoming: Incoming) -> Result<(), Failure> {
    let attachments = incoming.attachments;
    match incoming.request {
        Request::LoadModel { job, model, name, source, sha256, preprocessing, labels } => {
            let known = Known { id: model, name, preprocessing, labels };
            session.load_model(job, known, &source, sha256, &attachments).await
        }
        Request::LoadImage { job, image, name, source } => {
            session.load_image(job, image, name, &source, &attachments).await
        }
        Request::OpenFile { job, id, name } => session.open_file(job, id, name, &attachments).await,
        Request::ConfigureModel { job, model, preprocessing, labels_file } => {
            let labels = attachments.first().filter(|_| labels_file);
            session.configure_model(job, &model, preprocessing, labels)
        }
        Request::DropModel { model } => {
            session.drop_model(&model);
            Ok(())
        }
        Request::DropImage { image } => {
            session.drop_image(&image);
            Ok(())
        }
        Request::Predict { job, model, image } => session.predict(job, &model, &image).await,
        Request::Explain { job, model, image, spec, display, pictures } => {
            session.explain(job, &Asked { model, image, spec, pictures }, display).await
        }
        Request::Assess { job, of, model, image, spec, check, pictures } => {
            session.assess(job, of, &Asked { model, image, spec, pictures }, check).await
        }
        Request::ShowBaseline { job, model, image, baseline } => session.show_baseline(job, &model, &image, &baseline),
        Request::Render { job, display } => session.render(job, display).await,
        Request::Forget { job } => {
            session.forget(job);
            Ok(())
        }
        Request::Start { .. } | Request::Cancel { .. } => Ok(()),
    }
}

/// The device the user wants, or the CPU with a sentence saying why.
async fn start(choice: DeviceChoice) -> (Device, DeviceInfo) {
    let cpu =
        |notice: Option<String>| (Device::cpu(), DeviceInfo { kind: DeviceKind::Cpu, name: "CPU".into(), notice });
    if choice == DeviceChoice::Cpu {
        return cpu(None);
    }
    let gpu = match gpu_probe::probe().await {
        Ok(gpu) => gpu,
        Err(notice) => return cpu(Some(notice)),
    };
    if gpu.software && choice == DeviceChoice::Auto {
        return cpu(Some(
            "WebGPU runs in software here, which is slower than the CPU, so the CPU does the work.".into(),
        ));
    }
    match Device::gpu().await {
        Ok(device) => (device, DeviceInfo { kind: DeviceKind::Gpu, name: gpu.name, notice: None }),
        Err(error) => cpu(Some(format!("The graphics card could not be used ({error}), so the CPU does the work."))),
    }
}
