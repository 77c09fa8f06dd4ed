//! Takes requests in: starts the session, queues jobs, cancels them.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use innspect_engine::Device;
use innspect_protocol::{DatasetSource, DeviceChoice, DeviceInfo, DeviceKind, Job, Reply, Request, Source};
use wasm_bindgen::{JsCast as _, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::MessageEvent;

use crate::{
    failure::Failure,
    fetch, gpu_probe,
    model::Known,
    pause::{BackgroundPacer, Busy, Cancelled},
    port::{self, Incoming},
    session::{Asked, Session},
};

#[derive(Default)]
struct Desk {
    session: RefCell<Option<Rc<Session>>>,
    cancelled: Cancelled,
    queue: RefCell<VecDeque<Incoming>>,
    /// Requests whose files have yet to arrive; the first one's is on its way. They join the queue then, so that a slow or
    /// stalled connection holds nothing else up, and come one after the other, so that the first is there soonest.
    downloads: RefCell<VecDeque<Incoming>>,
    fetching: RefCell<bool>,
    busy: Busy,
    running: RefCell<Vec<Job>>,
    /// Scans, one after the other, while nothing is queued.
    scans: Lane,
    /// Small pictures likewise; they do not wait for scans.
    thumbnails: Lane,
}

/// Work in the background.
#[derive(Default)]
struct Lane {
    waiting: RefCell<VecDeque<Request>>,
    running: Cell<Option<Job>>,
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
        (Request::ShowInput { job, model, image, preprocessing }, Some(session)) => {
            if let Err(failure) = session.show_input(*job, model, image, preprocessing) {
                port::send(&failure.into_reply(*job));
            }
        }
        (Request::Forget { job }, Some(session)) => session.forget(*job),
        (Request::Scan { .. } | Request::MapItems { .. }, Some(session)) => {
            desk.scans.waiting.borrow_mut().push_back(incoming.request);
            let desk = desk.clone();
            spawn_local(async move { in_background(&desk, &desk.scans, &session).await });
        }
        (Request::Thumbnails { .. }, Some(session)) => {
            desk.thumbnails.waiting.borrow_mut().push_back(incoming.request);
            let desk = desk.clone();
            spawn_local(async move { in_background(&desk, &desk.thumbnails, &session).await });
        }
        (
            Request::LoadModel { source: Source::Site { .. }, .. }
            | Request::LoadImage { source: Source::Site { .. }, .. }
            | Request::OpenDataset { source: DatasetSource::Site { .. }, .. },
            _,
        ) => {
            desk.downloads.borrow_mut().push_back(incoming);
            let desk = desk.clone();
            spawn_local(async move { download(&desk).await });
        }
        _ => enqueue(desk, incoming),
    }
}

fn enqueue(desk: &Rc<Desk>, incoming: Incoming) {
    desk.queue.borrow_mut().push_back(incoming);
    let desk = desk.clone();
    spawn_local(async move { work(&desk).await });
}

/// Brings the files of waiting requests in, one at a time.
async fn download(desk: &Rc<Desk>) {
    if desk.fetching.replace(true) {
        return;
    }
    loop {
        let next = desk.downloads.borrow().front().and_then(|incoming| match &incoming.request {
            Request::LoadModel { job, source: Source::Site { url, bytes }, .. }
            | Request::LoadImage { job, source: Source::Site { url, bytes }, .. }
            | Request::OpenDataset { job, source: DatasetSource::Site { url, bytes, .. }, .. } => {
                Some((*job, url.clone(), *bytes))
            }
            _ => None,
        });
        let Some((job, url, bytes)) = next else { break };
        let fetched = fetch::download(job, &url, bytes, &desk.cancelled).await;
        desk.cancelled.borrow_mut().remove(&job);
        // A request that was cancelled in the meantime has left, and its answer was given.
        let waiting = desk.downloads.borrow().front().is_some_and(|first| jobs_of(&first.request).contains(&job));
        let Some(mut incoming) = waiting.then(|| desk.downloads.borrow_mut().pop_front()).flatten() else { continue };
        match fetched {
            Ok(bytes) => {
                incoming.file = Some(bytes);
                enqueue(desk, incoming);
            }
            Err(failure) => port::send(&failure.into_reply(job)),
        }
    }
    desk.fetching.replace(false);
}

/// A waiting job leaves the queue; a running one is told to stop at its next pause.
fn cancel(desk: &Desk, job: Job) {
    let leaves = |queue: &RefCell<VecDeque<Incoming>>| {
        let mut queue = queue.borrow_mut();
        let before = queue.len();
        queue.retain(|waiting| jobs_of(&waiting.request) != [job]);
        queue.len() < before
    };
    let on_its_way = desk.downloads.borrow().front().is_some_and(|first| jobs_of(&first.request).contains(&job));
    let lanes = [&desk.scans, &desk.thumbnails];
    if lanes.iter().any(|lane| lane.running.get() == Some(job)) {
        desk.cancelled.borrow_mut().insert(job);
    } else if lanes.iter().any(|lane| lane.drop(job)) {
        port::send(&Reply::Cancelled { job });
    } else if leaves(&desk.downloads) {
        if on_its_way {
            desk.cancelled.borrow_mut().insert(job);
        }
        port::send(&Reply::Cancelled { job });
    } else if leaves(&desk.queue) {
        port::send(&Reply::Cancelled { job });
    } else if desk.running.borrow().contains(&job)
        // One of several files that wait together: it is left out when its turn comes.
        || desk.queue.borrow().iter().any(|waiting| jobs_of(&waiting.request).contains(&job))
    {
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
        let jobs = jobs_of(&incoming.request);
        desk.running.borrow_mut().clone_from(&jobs);
        let outcome = run(&session, incoming).await;
        desk.running.borrow_mut().clear();
        desk.cancelled.borrow_mut().retain(|job| !jobs.contains(job));
        if let (Err(failure), [job]) = (outcome, jobs.as_slice()) {
            port::send(&failure.into_reply(*job));
        }
    }
    desk.busy.replace(false);
}

impl Lane {
    /// Takes a waiting job out; whether it was there.
    fn drop(&self, job: Job) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let before = waiting.len();
        waiting.retain(|request| jobs_of(request) != [job]);
        waiting.len() < before
    }
}

/// Works a lane off, behind everything else.
async fn in_background(desk: &Desk, lane: &Lane, session: &Session) {
    if lane.running.get().is_some() {
        return;
    }
    loop {
        let Some(request) = lane.waiting.borrow_mut().pop_front() else { break };
        let [job] = jobs_of(&request)[..] else { continue };
        lane.running.set(Some(job));
        let mut pacer = BackgroundPacer::new(job, desk.cancelled.clone(), desk.busy.clone());
        let outcome = match request {
            Request::Scan { dataset, parts, .. } => session.scan(job, &dataset, parts, &mut pacer).await,
            Request::MapItems { dataset, parts, spec, side, .. } => {
                session.map_items(job, &dataset, parts, &spec, side, &mut pacer).await
            }
            Request::Thumbnails { dataset, items, side, .. } => {
                session.thumbnails(job, &dataset, items, side, &mut pacer).await
            }
            _ => Ok(()),
        };
        lane.running.set(None);
        desk.cancelled.borrow_mut().remove(&job);
        if let Err(failure) = outcome {
            port::send(&failure.into_reply(job));
        }
    }
}

fn jobs_of(request: &Request) -> Vec<Job> {
    match request {
        Request::OpenFiles { files } => files.iter().map(|file| file.job).collect(),
        Request::LoadModel { job, .. }
        | Request::LoadImage { job, .. }
        | Request::ConfigureModel { job, .. }
        | Request::Predict { job, .. }
        | Request::Explain { job, .. }
        | Request::Assess { job, .. }
        | Request::ShowBaseline { job, .. }
        | Request::ShowInput { job, .. }
        | Request::OpenDataset { job, .. }
        | Request::MatchClasses { job, .. }
        | Request::Thumbnails { job, .. }
        | Request::LoadItem { job, .. }
        | Request::Scan { job, .. }
        | Request::MapItems { job, .. }
        | Request::Render { job, .. }
        | Request::Forget { job }
        | Request::Cancel { job } => vec![*job],
        Request::Start { .. } | Request::DropModel { .. } | Request::DropImage { .. } | Request::DropDataset { .. } => {
            Vec::new()
        }
    }
}

async fn run(session: &Session, mut incoming: Incoming) -> Result<(), Failure> {
    match incoming.request.clone() {
        Request::LoadModel { job, model, name, beside, architecture, sha256, preprocessing, labels, .. } => {
            let known = Known { id: model, name, preprocessing, labels: labels.into_iter().collect() };
            let file = incoming.file()?;
            let beside: Vec<_> = beside.into_iter().zip(incoming.attachments.into_iter().skip(1)).collect();
            session.add_model(job, known, sha256, file, &beside, architecture).await
        }
        Request::LoadImage { job, image, name, .. } => {
            session.add_image(job, image, name, &incoming.file()?.bytes()?).await
        }
        Request::OpenFiles { files } => {
            session.open_files(files.into_iter().zip(incoming.attachments).collect()).await;
            Ok(())
        }
        Request::ConfigureModel { job, model, preprocessing, labels_file } => {
            let labels = if labels_file { Some(incoming.file()?) } else { None };
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
        Request::OpenDataset { job, dataset, name, source } => {
            let fetched = incoming.file.take();
            session.open_dataset(job, (dataset, name), source, incoming.attachments, fetched).await
        }
        Request::DropDataset { dataset } => {
            session.datasets().borrow_mut().remove(&dataset);
            Ok(())
        }
        Request::MatchClasses { job, dataset, model } => session.match_classes(job, &dataset, &model).await,
        Request::LoadItem { job, image, dataset, item } => session.load_item(job, image, &dataset, item).await,
        Request::Predict { job, model, image } => session.predict(job, &model, &image).await,
        Request::Explain { job, model, image, spec, display, pictures } => {
            session.explain(job, &Asked { model, image, spec, pictures }, display).await
        }
        Request::Assess { job, of, model, image, spec, check, pictures } => {
            session.assess(job, of, &Asked { model, image, spec, pictures }, check).await
        }
        Request::ShowInput { job, model, image, preprocessing } => {
            session.show_input(job, &model, &image, &preprocessing)
        }
        Request::ShowBaseline { job, model, image, baseline } => session.show_baseline(job, &model, &image, &baseline),
        Request::Render { job, display } => session.render(job, display).await,
        Request::Forget { job } => {
            session.forget(job);
            Ok(())
        }
        Request::Start { .. }
        | Request::Cancel { .. }
        | Request::Scan { .. }
        | Request::MapItems { .. }
        | Request::Thumbnails { .. } => Ok(()),
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
