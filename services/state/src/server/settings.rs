use deis_proto::state::setting_event::{self, Deleted, Snapshot};
use deis_proto::state::settings_service_server::SettingsService;
use deis_proto::state::{
    DeleteSettingRequest, DeleteSettingResponse, GetSettingRequest, ListSettingsRequest, ListSettingsResponse,
    PutSettingRequest, Setting, SettingEvent, WatchSettingsRequest,
};
use futures_util::stream;
use tonic::{Request, Response, Status};

use super::{Answers, Edge, refusal};
use crate::settings::{self, Event, SettingsWatch};
use crate::store::{Revision, Store};

#[tonic::async_trait]
impl<S: Store> SettingsService for Edge<S> {
    async fn get(&self, request: Request<GetSettingRequest>) -> Result<Response<Setting>, Status> {
        let found = async { settings::get(&self.store, &request.into_inner().key.parse()?).await };
        Ok(Response::new(encode(found.await.map_err(refusal)?)))
    }

    async fn list(&self, request: Request<ListSettingsRequest>) -> Result<Response<ListSettingsResponse>, Status> {
        let found = async { settings::list(&self.store, &request.into_inner().prefix.parse()?).await };
        let (settings, revision) = found.await.map_err(refusal)?;
        let settings = settings.into_iter().map(encode).collect();
        Ok(Response::new(ListSettingsResponse { settings, revision: revision.0 }))
    }

    async fn put(&self, request: Request<PutSettingRequest>) -> Result<Response<Setting>, Status> {
        let PutSettingRequest { key, value, expected_revision } = request.into_inner();
        let expected = expected_revision.map(Revision);
        let written = async { settings::put(&self.store, &key.parse()?, &value, expected).await };
        Ok(Response::new(encode(written.await.map_err(refusal)?)))
    }

    async fn delete(&self, request: Request<DeleteSettingRequest>) -> Result<Response<DeleteSettingResponse>, Status> {
        let DeleteSettingRequest { key, expected_revision } = request.into_inner();
        let deleted = async { settings::delete(&self.store, &key.parse()?, expected_revision.map(Revision)).await };
        Ok(Response::new(DeleteSettingResponse { revision: deleted.await.map_err(refusal)?.0 }))
    }

    type WatchStream = Answers<SettingEvent>;

    async fn watch(&self, request: Request<WatchSettingsRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let WatchSettingsRequest { prefix, after_revision } = request.into_inner();
        let prefix = prefix.parse().map_err(refusal)?;
        let watch = SettingsWatch::new(&self.store, &prefix, Revision(after_revision));
        let events = stream::unfold(watch, async |mut watch| Some((watch.next().await.map(event), watch)));
        Ok(Response::new(self.answers(events)))
    }
}

fn encode(setting: settings::Setting) -> Setting {
    Setting { key: setting.key, value: setting.value, revision: setting.revision.0 }
}

fn event(event: Event) -> SettingEvent {
    let event = match event {
        Event::Snapshot(settings, revision) => setting_event::Event::Snapshot(Snapshot {
            settings: settings.into_iter().map(encode).collect(),
            revision: revision.0,
        }),
        Event::Put(setting) => setting_event::Event::Put(encode(setting)),
        Event::Deleted(key, revision) => setting_event::Event::Deleted(Deleted { key, revision: revision.0 }),
    };
    SettingEvent { event: Some(event) }
}
