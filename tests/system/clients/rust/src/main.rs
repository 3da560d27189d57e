//! A session of two users of matrix-sdk, Alice and Bob. The SDK shows nobody its HTTP, so what is written down is what it
//! made of the answers, as ../../sessions.py explains.
//!
//! Usage: session BASE_URL WORD FOLDER; the users are alice-WORD and bob-WORD.

use std::{future::Future, time::Duration};

use matrix_sdk::{
    config::SyncSettings,
    media::{MediaFormat, MediaRequestParameters},
    room::MessagesOptions,
    ruma::{
        api::client::{
            account::register::v3::Request as Register,
            room::create_room::v3::{Request as CreateRoom, RoomPreset},
            search::search_events::v3::{Categories, Criteria, Request as Search},
            to_device::send_event_to_device::v3::Request as ToDevice,
            uiaa::{AuthData, Dummy},
        },
        events::{
            room::{message::RoomMessageEventContent, MediaSource},
            StateEventType,
        },
        serde::Raw,
        to_device::DeviceIdOrAllDevices,
        OwnedRoomId, TransactionId, UserId,
    },
    Client, Room, RoomMemberships, SlidingSyncList, SlidingSyncMode,
};
use serde_json::{json, Value};

const PASSWORD: &str = "correct horse battery";

type Anything<T> = Result<T, Box<dyn std::error::Error>>;

fn say(step: &str, saw: Value) {
    println!("{}", json!({ "step": step, "saw": saw }));
}

fn refused<T>(step: &str, outcome: Result<T, impl std::fmt::Display>) {
    say(step, json!(outcome.err().map(|error| error.to_string())));
}

async fn eventually<T, F: Future<Output = Anything<Option<T>>>>(what: &str, look: impl Fn() -> F) -> Anything<T> {
    for _ in 0..600 {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("it never came: {what}").into())
}

async fn new_client(base_url: &str) -> Anything<Client> {
    Ok(Client::builder().homeserver_url(base_url).respect_login_well_known(false).build().await?)
}

async fn register(base_url: &str, name: &str) -> Anything<Client> {
    let client = new_client(base_url).await?;
    let mut request = Register::new();
    request.username = Some(name.to_owned());
    request.password = Some(PASSWORD.to_owned());
    let asked = client.matrix_auth().register(request.clone()).await.expect_err("it asks for a stage first");
    let mut dummy = Dummy::new();
    dummy.session = asked.as_uiaa_response().and_then(|asked| asked.session.clone());
    request.auth = Some(AuthData::Dummy(dummy));
    client.matrix_auth().register(request).await?;
    Ok(client)
}

fn sync_once() -> SyncSettings {
    SyncSettings::default().timeout(Duration::ZERO)
}

async fn until_in(client: &Client, room: &OwnedRoomId) -> Anything<Room> {
    eventually("a room", || async {
        client.sync_once(sync_once()).await?;
        Ok(client.get_room(room))
    })
    .await
}

/// What is said in a room, oldest first.
async fn texts(room: &Room) -> Anything<Vec<Value>> {
    let page = room.messages(MessagesOptions::backward()).await?;
    let events = page.chunk.iter().rev().map(|event| event.raw().deserialize_as::<Value>());
    Ok(events.filter_map(|event| event.ok()?["content"].get("body").cloned()).collect())
}

async fn rooms(alice: &Client, bob: &Client, word: &str) -> Anything<OwnedRoomId> {
    let mut request = CreateRoom::new();
    request.name = Some(format!("Room {word}"));
    request.room_alias_name = Some(format!("rôom-{word}"));
    request.preset = Some(RoomPreset::PublicChat);
    request.invite = vec![bob.user_id().unwrap().to_owned()];
    let room_id = alice.create_room(request).await?.room_id().to_owned();
    let here = until_in(alice, &room_id).await?;
    let invited = until_in(bob, &room_id).await?;
    say("an invitation", json!([invited.name(), format!("{:?}", invited.state())]));
    let alias = format!("#rôom-{word}:home.test");
    bob.join_room_by_id_or_alias(alias.as_str().try_into()?, &["home.test".try_into()?]).await?;
    let there = until_in(bob, &room_id).await?;

    let first = here.send(RoomMessageEventContent::text_plain(format!("first {word}"))).await?.response.event_id;
    let odd = there.send_raw("org.example.odd/type ä", json!({ "a": [1, null, "☃"] })).await?.response.event_id;
    for key in ["", "a/b c", "100%", "ä?#;+"] {
        let outcome = here.send_state_event_raw("org.example.state", key, json!({ "key": key })).await;
        let is_set = outcome.is_ok();
        refused("a state key", outcome); // ruma leaves the % as it is, which Dendrite does not take
        let state = StateEventType::from("org.example.state");
        eventually("state", || async {
            alice.sync_once(sync_once()).await?;
            Ok((!is_set || here.get_state_event(state.clone(), key).await?.is_some()).then_some(()))
        })
        .await?;
    }
    refused("topic", there.send_state_event_raw("m.room.topic", "", json!({ "topic": "not allowed" })).await);
    there.redact(&odd, Some("no more"), None).await?;
    let last = here.send(RoomMessageEventContent::text_plain("last")).await?.response.event_id;
    eventually("the last event", || async { Ok(there.event(&last, None).await.ok()) }).await?;
    say("texts", json!(texts(&there).await?));
    say("an event", there.event(&first, None).await?.raw().deserialize_as::<Value>()?["content"].clone());
    let around = there.event_with_context(&first, false, 2u32.into(), None).await?;
    say("context", json!([around.events_before.len(), around.events_after.len()]));
    there.typing_notice(true).await?;

    let mut criteria = Criteria::new(word.to_owned());
    criteria.order_by = Some(matrix_sdk::ruma::api::client::search::search_events::v3::OrderBy::Recent);
    let mut categories = Categories::new();
    categories.room_events = Some(criteria);
    let found = bob.send(Search::new(categories)).await;
    say("search", json!(found.ok().map(|found| found.search_categories.room_events.count.map(u64::from))));
    here.kick_user(bob.user_id().unwrap(), Some("a while")).await?;
    bob.join_room_by_id(&room_id).await?;
    Ok(room_id)
}

async fn what_is_theirs(alice: &Client, bob: &Client) -> Anything<()> {
    alice.account().set_display_name(Some("Alice ☃")).await?;
    let profile = bob.account().fetch_user_profile_of(alice.user_id().unwrap()).await?;
    say("profile", json!(profile.get("displayname")));
    let mine = Raw::new(&json!({ "a": [1, null, "é"] }))?.cast_unchecked();
    alice.account().set_account_data_raw("org.example.mine".into(), mine).await?;
    let kept = alice.account().fetch_account_data("org.example.mine".into()).await?;
    say("account data", json!(kept));
    say("devices", json!(alice.devices().await?.devices.len()));
    Ok(())
}

async fn media(alice: &Client, bob: &Client) -> Anything<()> {
    let picture: Vec<u8> = (0..1_000_000u32).map(|at| (at % 251) as u8).collect();
    let uri = alice.media().upload(&"image/png".parse()?, picture.clone(), None).await?.content_uri;
    let wanted = MediaRequestParameters { source: MediaSource::Plain(uri), format: MediaFormat::File };
    say("a download", json!(bob.media().get_media_content(&wanted, false).await? == picture));
    say("the largest upload", json!(u64::from(alice.load_or_fetch_max_upload_size().await?)));
    Ok(())
}

async fn to_device(alice: &Client, bob: &Client) -> Anything<()> {
    let bobs: &UserId = bob.user_id().unwrap();
    let hello = Raw::new(&json!({ "hello": "Bob" }))?.cast_unchecked();
    let device = DeviceIdOrAllDevices::DeviceId(bob.device_id().unwrap().to_owned());
    let messages = [(bobs.to_owned(), [(device, hello)].into())].into();
    alice.send(ToDevice::new_raw("org.example.hello".into(), TransactionId::new(), messages)).await?;
    let seen = eventually("a message to a device", || async {
        let answer = bob.sync_once(sync_once()).await?;
        let events = answer.to_device.iter().map(|event| event.to_raw().deserialize_as::<Value>());
        Ok(events.filter_map(Result::ok).find(|event| event["type"] == "org.example.hello"))
    })
    .await?;
    say("to a device", seen);
    Ok(())
}

async fn sliding_sync(alice: &Client, bob: &Client, room_id: &OwnedRoomId) -> Anything<()> {
    let list =
        SlidingSyncList::builder("all").sync_mode(SlidingSyncMode::new_selective().add_range(0..=9)).timeline_limit(5);
    let sync = bob.sliding_sync("window")?.add_list(list).build().await?;
    match sync.sync_once().await {
        Err(error) => say("sliding sync", json!(error.to_string())), // Dendrite has none
        Ok(_) => {
            alice.get_room(room_id).unwrap().send(RoomMessageEventContent::text_plain("later")).await?;
            let update = sync.sync_once().await?;
            say("sliding sync", json!([update.lists, update.rooms.contains(room_id)]));
        }
    }
    Ok(())
}

async fn in_secret(base_url: &str, alice: &Client, bob: &Client, word: &str) -> Anything<()> {
    bob.encryption().wait_for_e2ee_initialization_tasks().await;
    let key = bob.encryption().recovery().enable().wait_for_backups_to_upload().await?;
    let mut request = CreateRoom::new();
    request.invite = vec![bob.user_id().unwrap().to_owned()];
    let room_id = alice.create_room(request).await?.room_id().to_owned();
    let here = until_in(alice, &room_id).await?;
    here.enable_encryption().await?;
    until_in(bob, &room_id).await?;
    bob.join_room_by_id(&room_id).await?;
    eventually("two members", || async {
        alice.sync_once(sync_once()).await?;
        bob.sync_once(sync_once()).await?;
        Ok((here.members_no_sync(RoomMemberships::JOIN).await?.len() == 2).then_some(()))
    })
    .await?;
    here.send(RoomMessageEventContent::text_plain("a secret")).await?;
    let read = |client: Client| {
        let room_id = room_id.clone();
        move || {
            let (client, room_id) = (client.clone(), room_id.clone());
            async move {
                client.sync_once(sync_once()).await?;
                let Some(room) = client.get_room(&room_id) else { return Ok(None) };
                Ok(texts(&room).await?.into_iter().find(|text| text == "a secret"))
            }
        }
    };
    say("a secret", eventually("a secret", read(bob.clone())).await?);
    bob.encryption().backups().wait_for_steady_state().await?;

    // Another device of his reads it by the backup.
    let laptop = new_client(base_url).await?;
    laptop.matrix_auth().login_username(format!("bob-{word}"), PASSWORD).await?;
    laptop.encryption().wait_for_e2ee_initialization_tasks().await;
    laptop.encryption().recovery().recover(&key).await?;
    laptop.encryption().backups().download_room_keys_for_room(&room_id).await?;
    say("from the backup", eventually("a secret of the backup", read(laptop.clone())).await?);
    laptop.matrix_auth().logout().await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Anything<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let (base_url, word) = (arguments[1].as_str(), arguments[2].as_str());

    let nobody = new_client(base_url).await?;
    say(
        "versions",
        json!(nobody.server_versions().await?.iter().map(|version| format!("{version:?}")).collect::<Vec<_>>()),
    );
    say("single sign-on", json!(nobody.matrix_auth().get_sso_login_url("https://app.invalid/?a=b", None).await?));
    let flows = nobody.matrix_auth().get_login_types().await?.flows;
    say("log in by", json!(flows.iter().map(|flow| flow.login_type().to_owned()).collect::<Vec<_>>()));

    let alice = register(base_url, &format!("alice-{word}")).await?;
    let bob = register(base_url, &format!("bob-{word}")).await?;
    refused("a wrong password", nobody.matrix_auth().login_username(format!("bob-{word}"), "wrong").await);

    let room_id = rooms(&alice, &bob, word).await?;
    what_is_theirs(&alice, &bob).await?;
    media(&alice, &bob).await?;
    to_device(&alice, &bob).await?;
    sliding_sync(&alice, &bob, &room_id).await?;
    in_secret(base_url, &alice, &bob, word).await?;

    let room = until_in(&bob, &room_id).await?;
    room.leave().await?;
    room.forget().await?;
    bob.matrix_auth().logout().await?;
    refused("a token that is over", bob.whoami().await);
    alice.matrix_auth().logout().await?;
    Ok(())
}
