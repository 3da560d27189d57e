/* One delayed event, the instances that may send it, and a homeserver that forgets: docs/model.md explains it.
 *
 * Built with -DNO_FENCE or -DNO_FINGERPRINT one safeguard is gone, and with -DNO_QUIET_TIME or -DNO_STEP one of the
 * assumptions. tests/model expects the full model to hold and each of the others to show how the event is sent twice.
 */

#ifndef INSTANCES
#define INSTANCES 3
#endif

mtype = { scheduled, sending, sent, cancelled };

/* The store: a row, its owner, and the leases. An instance that has lost its lease comes back under a new name, so each
 * name here has one lease and loses it once. The last name never does: there is always somebody left. */
mtype state = scheduled;
byte owner = 0;
bool lease[INSTANCES] = true;

/* The homeserver: the room, whether it remembers the transaction, and the PUTs that are on their way to it. */
byte in_room = 0;
bool remembers = false;
bool on_its_way[INSTANCES];
bool answered[INSTANCES];
bool refused[INSTANCES];

/* How often each thing goes wrong. */
byte losses = 2;       /* requests lost before they are applied, and connections refused */
byte late_answers = 2; /* answers that are given up */
byte forgettings = 2;  /* restarts of the homeserver */

#ifdef NO_FENCE
#define fenced(me) true
#else
#define fenced(me) lease[me]
#endif

#ifdef NO_QUIET_TIME
#define all_quiet true
#elif INSTANCES == 2
#define all_quiet (!on_its_way[0] && !on_its_way[1])
#else
#define all_quiet (!on_its_way[0] && !on_its_way[1] && !on_its_way[2])
#endif

#define finalised (state == sent || state == cancelled)

/* Delivery of one instance. A pause needs no step of its own: the others may take any number of steps first. */
proctype Instance(byte me)
{
  bool was_quiet;

idle:
  if
  /* Delivery: claim(). Store: claim. */
  :: atomic { state == scheduled && owner == me && fenced(me) -> state = sending }; goto send
  /* Delivery: adopt(). Store: adopt. */
  :: atomic {
       !finalised && owner != me && lease[me] && !lease[owner] -> owner = me;
       if
       :: state == sending -> goto resolve
       :: else -> goto idle
       fi
     }
  :: finalised -> goto done
  :: !lease[me] -> goto done
  fi;

send:
  /* Delivery: try_to_send(). Store: may_send(), right before the request is written. */
#ifdef NO_STEP
  if
  :: fenced(me)
  :: !fenced(me) -> goto done
  fi;
  atomic { on_its_way[me] = true; answered[me] = false; refused[me] = false };
#else
  atomic {
    if
    :: fenced(me) -> on_its_way[me] = true; answered[me] = false; refused[me] = false
    :: !fenced(me) -> goto done
    fi
  };
#endif
  if
  :: answered[me] -> answered[me] = false; goto finalise
  :: refused[me] -> refused[me] = false; goto release
  :: !on_its_way[me] && !answered[me] && !refused[me] -> goto resolve
  :: atomic { late_answers > 0 -> late_answers-- }; goto resolve
  :: !lease[me] -> goto done /* crashed while it waited */
  fi;

resolve:
  /* Delivery: resolve(). A look counts as a look at nothing only if it began after the quiet time. */
  was_quiet = all_quiet;
#ifdef NO_FINGERPRINT
  goto send;
#endif
  if
  :: in_room > 0 -> goto finalise
  :: in_room == 0 && was_quiet -> goto send
  :: in_room == 0 && !was_quiet -> goto resolve
  :: !lease[me] -> goto done
  fi;

finalise:
  /* Store: finalise. Nothing if it is not ours any more. */
  atomic {
    if
    :: state == sending && owner == me && fenced(me) -> state = sent
    :: else
    fi
  };
  goto idle;

release:
  /* Store: release. */
  atomic {
    if
    :: state == sending && owner == me && fenced(me) -> state = scheduled
    :: else
    fi
  };
  goto idle;

done:
  skip
}

/* Leases run out at any moment: of an instance that has crashed, is paused, or is cut off. */
proctype Leases()
{
  byte which = 0;
  do
  :: which < INSTANCES - 1 -> lease[which] = false; which++
  :: which == INSTANCES - 1 -> break
  :: finalised -> break
  od
}

inline arrive(which)
{
  atomic {
    on_its_way[which] ->
    if
    :: !remembers -> in_room++; remembers = true
    :: else
    fi;
    on_its_way[which] = false;
    answered[which] = true;
    assert(in_room <= 1)
  }
}

inline get_lost(which)
{
  atomic { on_its_way[which] && losses > 0 -> losses--; on_its_way[which] = false }
}

inline refuse(which)
{
  atomic { on_its_way[which] && losses > 0 -> losses--; on_its_way[which] = false; refused[which] = true }
}

proctype Homeserver()
{
end:
  do
  :: arrive(0)
  :: arrive(1)
  :: get_lost(0)
  :: get_lost(1)
  :: refuse(0)
  :: refuse(1)
#if INSTANCES > 2
  :: arrive(2)
  :: get_lost(2)
  :: refuse(2)
#endif
  :: atomic { forgettings > 0 && remembers -> forgettings--; remembers = false }
  od
}

/* Store: cancel. */
proctype Client()
{
end:
  atomic { state == scheduled -> state = cancelled; assert(in_room == 0) }
}

init
{
  atomic {
    byte which = 0;
    do
    :: which < INSTANCES -> run Instance(which); which++
    :: else -> break
    od;
    run Homeserver();
    run Leases();
    run Client()
  }
}

/* Never twice, and one outcome. */
ltl once { [] (in_room <= 1 && (state == sent -> in_room == 1) && (state == cancelled -> in_room == 0)) }
/* Never lost: whatever happens, it comes to rest. */
ltl settles { <> (state == sent || state == cancelled) }
