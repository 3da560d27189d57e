// A session of two users of mautrix-go, Alice and Bob, written down as ../sessions.py explains.
//
// Usage: session BASE_URL WORD FOLDER; the users are alice-WORD and bob-WORD.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/backup"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const (
	publicName  = "matrix.home.test"
	password    = "correct horse battery"
	longestText = 100_000
)

var (
	ctx = context.Background()
	say = json.NewEncoder(os.Stdout)
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ok[T any](result T, err error) T {
	must(err)
	return result
}

// recorder says what is asked and what is answered, unless the client only waits.
type recorder struct{ waits bool }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil || r.waits {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	headers := [][2]string{}
	for name, values := range answer.Header {
		for _, value := range values {
			headers = append(headers, [2]string{name, value})
		}
	}
	text := string(body)
	if len(text) >= longestText {
		text = fmt.Sprint(len(text), " bytes")
	}
	must(say.Encode(map[string]any{
		"asked": request.Method + " " + request.URL.RequestURI(), "status": answer.StatusCode, "headers": headers, "text": text,
	}))
	return answer, nil
}

type user struct {
	*mautrix.Client
	machine  *crypto.OlmMachine
	recorder *recorder
	since    string
	secrets  []string // what others wrote in encrypted rooms
}

func newClient(baseURL string) (*mautrix.Client, *recorder) {
	client := ok(mautrix.NewClient(baseURL, "", ""))
	recorder := &recorder{}
	client.Client = &http.Client{Transport: recorder, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	client.DefaultHTTPRetries = 0
	return client, recorder
}

func register(baseURL, name string) *user {
	client, recorder := newClient(baseURL)
	who := ok(client.RegisterDummy(ctx, &mautrix.ReqRegister[any]{
		Username: name, Password: password, InitialDeviceDisplayName: "a phone",
	}))
	client.UserID, client.DeviceID, client.AccessToken = who.UserID, who.DeviceID, who.AccessToken
	store := mautrix.NewMemoryStateStore()
	client.StateStore = store
	log := zerolog.Nop()
	machine := crypto.NewOlmMachine(client, &log, crypto.NewMemoryStore(nil), store.(crypto.StateStore))
	must(machine.Load(ctx))
	u := &user{Client: client, machine: machine, recorder: recorder}
	syncer := client.Syncer.(*mautrix.DefaultSyncer)
	syncer.OnSync(machine.ProcessSyncResponse)
	syncer.OnEvent(client.StateStoreSyncHandler)
	syncer.OnEventType(event.StateMember, machine.HandleMemberEvent)
	syncer.OnEventType(event.EventEncrypted, func(ctx context.Context, encrypted *event.Event) {
		if decrypted, err := machine.DecryptMegolmEvent(ctx, encrypted); err == nil {
			u.secrets = append(u.secrets, decrypted.Content.AsMessage().Body)
		}
	})
	return u
}

// until syncs until then: a homeserver may need a moment.
func (u *user) until(arrived func(*mautrix.RespSync) bool) {
	u.recorder.waits = true
	for range 600 {
		answer := ok(u.SyncRequest(ctx, 0, u.since, "", false, ""))
		must(u.Syncer.ProcessResponse(ctx, answer, u.since))
		u.since = answer.NextBatch
		if arrived(answer) {
			u.recorder.waits = false
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	panic("it never came")
}

func (u *user) untilSeen(room id.RoomID, eventID id.EventID) {
	u.until(func(answer *mautrix.RespSync) bool {
		joined := answer.Rooms.Join[room]
		if joined == nil {
			return false
		}
		for _, seen := range joined.Timeline.Events {
			if seen.ID == eventID {
				return true
			}
		}
		return false
	})
}

func (u *user) untilInvited(room id.RoomID) {
	u.until(func(answer *mautrix.RespSync) bool { return answer.Rooms.Invite[room] != nil })
}

// ask is for what mautrix has no method for.
func (u *user) ask(method, path string, body any, headers http.Header) {
	request := mautrix.FullRequest{Method: method, URL: u.HomeserverURL.String() + path, RequestJSON: body, Headers: headers}
	_, _ = u.MakeFullRequest(ctx, request)
}

func text(body string) *event.MessageEventContent {
	return &event.MessageEventContent{MsgType: event.MsgText, Body: body}
}

func beforeLogIn(baseURL string) {
	client, _ := newClient(baseURL)
	ok(client.Versions(ctx))
	ok(client.GetLoginFlows(ctx))
	_, _ = client.RegisterAvailable(ctx, "somebody")
	_, _ = client.Capabilities(ctx)
	for _, path := range []string{"", "/cas"} {
		url := baseURL + "/_matrix/client/v3/login/sso/redirect" + path + "?redirectUrl=https://app.invalid/%3Fa=b%2526c"
		request := ok(http.NewRequest("GET", url, nil))
		request.Host = publicName
		ok(client.Client.Do(request))
	}
}

func rooms(alice, bob *user, word string) id.RoomID {
	room := ok(alice.CreateRoom(ctx, &mautrix.ReqCreateRoom{
		Name: "Room " + word, RoomAliasName: "rôom-" + word, Preset: "public_chat", Visibility: "public",
		Invite: []id.UserID{bob.UserID},
	})).RoomID
	bob.untilInvited(room)
	alias := id.NewRoomAlias("rôom-"+word, "home.test")
	ok(bob.ResolveAlias(ctx, alias))
	ok(bob.JoinRoom(ctx, alias.String(), &mautrix.ReqJoinRoom{Via: []string{"home.test"}}))
	first := ok(alice.SendMessageEvent(ctx, room, event.EventMessage, text("first "+word), mautrix.ReqSendEvent{TransactionID: "a/ä"})).EventID
	again := ok(alice.SendMessageEvent(ctx, room, event.EventMessage, text("first "+word), mautrix.ReqSendEvent{TransactionID: "a/ä"})).EventID
	must(say.Encode(map[string]any{"step": "the same transaction", "saw": first == again}))
	reaction := ok(bob.SendReaction(ctx, room, first, "👍")).EventID
	for _, key := range []string{"", "a/b c", "100%", "ä?#;+"} {
		kind := event.Type{Type: "org.example.state", Class: event.StateEventType}
		ok(alice.SendStateEvent(ctx, room, kind, key, map[string]any{"key": key}))
		var content map[string]any
		must(alice.StateEvent(ctx, room, kind, key, &content))
	}
	_, _ = bob.SendStateEvent(ctx, room, event.StateTopic, "", map[string]any{"topic": "not allowed"})
	ok(bob.RedactEvent(ctx, room, reaction, mautrix.ReqRedact{Reason: "no more"}))
	last := ok(alice.SendNotice(ctx, room, "last")).EventID
	alice.untilSeen(room, last)
	bob.untilSeen(room, last)

	ok(bob.GetEvent(ctx, room, reaction))
	_, _ = bob.GetEvent(ctx, room, "$unknown")
	ok(bob.Context(ctx, room, first, nil, 4))
	page := ok(bob.Messages(ctx, room, "", "", mautrix.DirectionBackward, nil, 5))
	ok(bob.Messages(ctx, room, page.End, "", mautrix.DirectionBackward, nil, 50))
	ok(bob.GetRelations(ctx, room, first, &mautrix.ReqGetRelations{}))
	ok(bob.Members(ctx, room))
	ok(bob.JoinedMembers(ctx, room))
	ok(alice.StateAsArray(ctx, room))
	_, _ = bob.GetRoomSummary(ctx, room.String())
	ok(bob.UserTyping(ctx, room, true, time.Second))
	must(bob.MarkRead(ctx, room, first))
	_, _ = bob.Search(ctx, &mautrix.ReqSearch{SearchTerm: word, OrderBy: "recent"})
	ok(alice.KickUser(ctx, room, &mautrix.ReqKickUser{UserID: bob.UserID, Reason: "a while"}))
	ok(bob.JoinRoomByID(ctx, room))
	return room
}

func whatIsTheirs(alice, bob *user, room id.RoomID) {
	must(alice.SetDisplayName(ctx, "Alice ☃"))
	ok(bob.GetProfile(ctx, alice.UserID))
	must(alice.SetAccountData(ctx, "org.example.mine", map[string]any{"a": []any{1, nil, 2.5, "é"}}))
	var mine map[string]any
	must(alice.GetAccountData(ctx, "org.example.mine", &mine))
	_ = alice.GetAccountData(ctx, "org.example.none", &mine)
	must(alice.SetRoomAccountData(ctx, room, "org.example.mine", map[string]any{"b": 1}))
	must(alice.AddTag(ctx, room, "m.favourite", 0.5))
	ok(alice.GetTags(ctx, room))
	filter := mautrix.DefaultFilter()
	ok(alice.CreateFilter(ctx, &filter))
	ok(alice.GetPushRules(ctx))
	ok(alice.RequestOpenIDToken(ctx))
}

func media(alice, bob *user) {
	picture := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	uri := ok(alice.UploadMedia(ctx, mautrix.ReqUploadMedia{
		Content: bytes.NewReader(picture), ContentLength: int64(len(picture)), ContentType: "image/x-raw", FileName: "ä.raw",
	})).ContentURI
	back := ok(bob.DownloadBytes(ctx, uri))
	must(say.Encode(map[string]any{"step": "a download", "saw": bytes.Equal(picture, back)}))
	path := "/_matrix/client/v1/media/download/home.test/" + uri.FileID
	for _, wanted := range []string{"bytes=0-0", "bytes=1000-70000", "bytes=-10", "bytes=9999999-"} {
		bob.ask("GET", path, nil, http.Header{"Range": {wanted}})
	}
	if created, err := alice.CreateMXC(ctx); err == nil {
		ok(alice.UploadMedia(ctx, mautrix.ReqUploadMedia{ContentBytes: picture[:10], ContentType: "text/plain", MXC: created.ContentURI}))
		ok(bob.DownloadBytes(ctx, created.ContentURI))
	}
	ok(bob.GetMediaConfig(ctx))
}

func inSecret(alice, bob *user) {
	for _, who := range []*user{alice, bob} {
		must(who.machine.ShareKeys(ctx, 0))
	}
	encryption := &event.Event{Type: event.StateEncryption, Content: event.Content{Raw: map[string]any{"algorithm": id.AlgorithmMegolmV1}}}
	room := ok(alice.CreateRoom(ctx, &mautrix.ReqCreateRoom{Invite: []id.UserID{bob.UserID}, InitialState: []*event.Event{encryption}})).RoomID
	bob.untilInvited(room)
	ok(bob.JoinRoomByID(ctx, room))
	alice.until(func(*mautrix.RespSync) bool { return alice.StateStore.IsInRoom(ctx, room, bob.UserID) })
	must(alice.machine.ShareGroupSession(ctx, room, []id.UserID{alice.UserID, bob.UserID}))
	secret := ok(alice.machine.EncryptMegolmEvent(ctx, room, event.EventMessage, text("a secret")))
	ok(alice.SendMessageEvent(ctx, room, event.EventEncrypted, secret))
	bob.until(func(*mautrix.RespSync) bool { return len(bob.secrets) > 0 })
	must(say.Encode(map[string]any{"step": "a secret", "saw": bob.secrets}))

	key := ok(backup.NewMegolmBackupKey())
	version := ok(alice.CreateKeyBackupVersion(ctx, &mautrix.ReqRoomKeysVersionCreate[backup.MegolmAuthData]{
		Algorithm: id.KeyBackupAlgorithmMegolmBackupV1, AuthData: backup.MegolmAuthData{PublicKey: "a key"},
	})).Version
	session := backup.MegolmSessionData{Algorithm: id.AlgorithmMegolmV1, SessionKey: "a session's key"}
	sealed := ok(json.Marshal(ok(backup.EncryptSessionData(key, session))))
	ok(alice.PutKeysInBackup(ctx, version, &mautrix.ReqKeyBackup{Rooms: map[id.RoomID]mautrix.ReqRoomKeyBackup{
		room: {Sessions: map[id.SessionID]mautrix.ReqKeyBackupData{"a/session+": {SessionData: sealed}}},
	}}))
	ok(alice.GetKeyBackupLatestVersion(ctx))
	kept := ok(alice.GetKeyBackupForRoomAndSession(ctx, version, room, "a/session+"))
	opened := ok(kept.SessionData.Decrypt(key))
	must(say.Encode(map[string]any{"step": "from the backup", "saw": opened.SessionKey}))
	ok(alice.GetKeyBackup(ctx, version))
	must(alice.DeleteKeyBackupVersion(ctx, version))
	_, _ = alice.GetKeyBackupLatestVersion(ctx)
	ok(bob.LeaveRoom(ctx, room, &mautrix.ReqLeave{Reason: "enough"}))
	ok(bob.ForgetRoom(ctx, room))
}

func toDevice(alice, bob *user) {
	kind := event.Type{Type: "org.example.hello", Class: event.ToDeviceEventType}
	hello := &event.Content{Raw: map[string]any{"hello": "Bob"}}
	ok(alice.SendToDevice(ctx, kind, &mautrix.ReqSendToDevice{Messages: map[id.UserID]map[id.DeviceID]*event.Content{bob.UserID: {bob.DeviceID: hello}}}))
	ok(alice.GetDevicesInfo(ctx))
	must(alice.SetDeviceInfo(ctx, alice.DeviceID, &mautrix.ReqDeviceInfo{DisplayName: "a telephone"}))
	ok(alice.GetDeviceInfo(ctx, alice.DeviceID))
	bob.until(func(answer *mautrix.RespSync) bool {
		for _, message := range answer.ToDevice.Events {
			if message.Type.Type == kind.Type {
				must(say.Encode(map[string]any{"step": "to a device", "saw": message.Content.Raw}))
				return true
			}
		}
		return false
	})
}

func syncs(alice, bob *user) {
	for _, who := range []*user{alice, bob} {
		ok(who.FullSyncRequest(ctx, mautrix.ReqSync{FullState: true}))
	}
	window := map[string]any{"lists": map[string]any{"all": map[string]any{
		"ranges": [][2]int{{0, 9}}, "required_state": [][2]string{{"m.room.create", ""}, {"m.room.name", ""}}, "timeline_limit": 5,
	}}}
	bob.ask("POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0", window, nil)
}

func main() {
	baseURL, word := strings.TrimSuffix(os.Args[1], "/"), os.Args[2]
	beforeLogIn(baseURL)
	alice, bob := register(baseURL, "alice-"+word), register(baseURL, "bob-"+word)

	other, _ := newClient(baseURL)
	logIn := &mautrix.ReqLogin{
		Type: mautrix.AuthTypePassword, Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: "bob-" + word},
		Password: "wrong", StoreCredentials: true,
	}
	_, _ = other.Login(ctx, logIn)
	logIn.Password = password
	ok(other.Login(ctx, logIn))
	ok(other.Whoami(ctx))
	ok(other.Capabilities(ctx))

	room := rooms(alice, bob, word)
	whatIsTheirs(alice, bob, room)
	media(alice, bob)
	toDevice(alice, bob)
	syncs(alice, bob)
	inSecret(alice, bob)

	ok(bob.LeaveRoom(ctx, room))
	ok(other.Logout(ctx))
	_, _ = other.Whoami(ctx)
	ok(alice.LogoutAll(ctx))
	_, _ = alice.Whoami(ctx)
}
