/* Rekey in window order: a relay between the ends delivers in any order.
   Models: both ends, per direction a set of messages in flight of which any may arrive next, windows of W numbers, proposals of
     either end or of both at once, several rekeys one after another, optional loss of application messages.
   Rules: the proposer sends under e+1 once it has RK2; the responder sends under e until it has verified a message under e+1;
     each answers the change with `ack` under e+1. A receiver that holds the keys of several epochs accepts under each; with s the
     lowest number seen under a later epoch, an earlier one counts only below s. Keys of e go when a number >= s + W is committed.
     The server ignores an RK1 of the client for an epoch that it proposed itself and has derived.
   Shows: no authentic message is refused because of its epoch, unless its number has left the window; nothing blocks; at rest both
     ends send in the same epoch under the same keys.
   Leaves out: the cipher, time-outs, loss of control messages, and a control message delayed out of the window.
   Variants: LOSS     application messages may be lost
             TWOKEYS  the keys of e go when the rekey to e + 2 derives: a message that a whole rekey overtook is dropped, as if it
                      had left the window, and no receiver holds more than two keys
   Controls: EAGER       the responder sends under e+1 right after RK2, as in strict order: overtakes RK2
             SWITCHONLY  e is refused once a message under e+1 has been seen
             DROPATNEXT  as TWOKEYS, but such a message counts as refused
             NOLATE      a late RK1 after a collision counts as an error */
#ifndef PROPOSALS
#define PROPOSALS 1
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef W
#define W 3
#endif
#ifdef TWOKEYS
#define DROPATNEXT
#define OVERTAKEN(i, epoch) (epoch + 2 <= de[i])
#else
#define OVERTAKEN(i, epoch) false
#endif
#ifdef NOLATE
#define IGNORES(i, epoch) (i == SERVER && waiting[i])
#else
#define IGNORES(i, epoch) (i == SERVER && (waiting[i] || epoch < de[i]))
#endif
#define SERVER 1
#define EPOCHS 4
#define SEQS 13
#define NONE 0
#define FIRST 3
#define UNSEEN 255
#define FLYING(i, n) (dir[i].kind[n] != 0)
#define CONTROL(i, n) (FLYING(i, n) && dir[i].kind[n] != APP)
/* number x may arrive next at `me`; a control message is not delayed out of the window */
#define MAY(x) FLYING(me, x) && (oldest[me] == 0 || x < oldest[me] + W) -> n = x
mtype = { APP, RK1, RK2, ACK };
/* dir[i]: what flies to i, by sequence number */
typedef Direction { mtype kind[SEQS]; byte epoch[SEQS]; byte key[SEQS]; byte by[SEQS] };
Direction dir[2];
byte last[2];                /* last number sent to i */
byte flying[2];              /* how many fly to i */
byte oldest[2];              /* lowest number of a control message among them, 0: none */
byte top[2];                 /* highest number committed by i */
typedef Keys { byte k[EPOCHS]; byte s[EPOCHS] };   /* receive keys; lowest number seen per epoch */
Keys rx[2];
byte de[2];                  /* highest epoch derived */
byte se[2];                  /* send epoch: de, or de - 1 while the responder waits */
byte re[2];                  /* highest epoch of a verified message */
byte tx[2];                  /* send key */
byte nk[2];                  /* key of epoch de */
bool waiting[2];
byte proposals[2], messages[2];

inline send(i, what, whose) {
  last[1 - i] = last[1 - i] + 1; assert(last[1 - i] < SEQS);
  flying[1 - i] = flying[1 - i] + 1;
  if :: what != APP && oldest[1 - i] == 0 -> oldest[1 - i] = last[1 - i] :: else fi;
  dir[1 - i].kind[last[1 - i]] = what; dir[1 - i].epoch[last[1 - i]] = se[i];
  dir[1 - i].key[last[1 - i]] = tx[i]; dir[1 - i].by[last[1 - i]] = whose
}
inline derive(i, whose) {
#ifdef DROPATNEXT
  if :: de[i] > 0 -> rx[i].k[de[i] - 1] = NONE :: else fi;
#endif
  de[i] = de[i] + 1; nk[i] = whose + 1; rx[i].k[de[i]] = nk[i]
}
inline advance(i) { se[i] = de[i]; tx[i] = nk[i]; send(i, ACK, 0) }

proctype Peer(bit me) {
  byte n, e, x, by; mtype kind;
end:
  do
  :: atomic { messages[me] > 0 -> messages[me]--; send(me, APP, 0) }
  :: atomic { proposals[me] > 0 && !waiting[me] && se[me] == re[me] && se[me] == de[me] && de[me] < EPOCHS - 1 ->
       proposals[me]--; waiting[me] = true; send(me, RK1, me) }
  :: atomic {
       flying[me] > 0;
       if
       :: MAY(1) :: MAY(2) :: MAY(3) :: MAY(4) :: MAY(5) :: MAY(6)
       :: MAY(7) :: MAY(8) :: MAY(9) :: MAY(10) :: MAY(11) :: MAY(12)
       fi;
       kind = dir[me].kind[n]; e = dir[me].epoch[n]; by = dir[me].by[n];
       dir[me].kind[n] = 0; dir[me].epoch[n] = 0; dir[me].by[n] = 0;
       flying[me]--;
       if
       :: n == oldest[me] ->
            do :: oldest[me] <= last[me] && !CONTROL(me, oldest[me]) -> oldest[me]++ :: else -> break od;
            if :: oldest[me] > last[me] -> oldest[me] = 0 :: else fi
       :: else
       fi;
#ifdef LOSS
       if
       :: kind == APP -> goto gone
       :: true
       fi;
#endif
       if :: n + W <= top[me] -> assert(kind == APP); goto gone :: else fi;
       if :: OVERTAKEN(me, e) -> goto gone :: else fi;
       assert(rx[me].k[e] == dir[me].key[n]);             /* the receiver holds the key */
#ifdef SWITCHONLY
       assert(e >= re[me]);
#endif
       x = e + 1;                                         /* below every number seen under a later epoch */
       do :: x < EPOCHS -> assert(n < rx[me].s[x]); x++ :: else -> break od;
       if :: n > top[me] -> top[me] = n :: else fi;
       if :: n < rx[me].s[e] -> rx[me].s[e] = n :: else fi;
       if :: e > re[me] -> re[me] = e :: else fi;
       x = 1;                                             /* retire */
       do
       :: x < EPOCHS ->
            if
            :: rx[me].s[x] != UNSEEN && top[me] >= rx[me].s[x] + W -> rx[me].k[x - 1] = NONE
            :: else
            fi;
            x++
       :: else -> break
       od;
       if :: e == de[me] && se[me] < de[me] -> advance(me) :: else fi;
       if
       :: kind == RK1 && IGNORES(me, e) -> assert(waiting[me] || nk[me] == SERVER + 1 || e + 1 < de[me])
       :: kind == RK1 && !IGNORES(me, e) ->
            assert(e == se[me] && e == de[me]);           /* n = send epoch + 1 */
            waiting[me] = false;
            send(me, RK2, by);
            derive(me, by);
#ifdef EAGER
            advance(me)
#endif
       :: kind == RK2 ->
            assert(waiting[me] && by == me && e == de[me]);
            waiting[me] = false;
            derive(me, by);
            advance(me)
       :: else -> skip
       fi;
gone:
       dir[me].key[n] = 0;
       n = 0; e = 0; x = 0; kind = 0; by = 0
     }
  od
}

init {
  byte r, y;
  atomic {
    do
    :: r < 2 ->
         tx[r] = FIRST; nk[r] = FIRST; rx[r].k[0] = FIRST;
         y = 0;
         do :: y < EPOCHS -> rx[r].s[y] = UNSEEN; y++ :: else -> break od;
         do :: proposals[r] < PROPOSALS -> proposals[r]++ :: break od;
         do :: messages[r] < MESSAGES -> messages[r]++ :: break od;
         r++
    :: else -> break
    od;
    y = 0;
    run Peer(0); run Peer(1)
  }
  timeout ->
    assert(!waiting[0] && !waiting[1] && messages[0] + messages[1] == 0);
    assert(se[0] == de[0] && se[1] == de[1] && se[0] == re[1] && se[1] == re[0] && se[0] == se[1]);
    assert(tx[0] == tx[1] && rx[0].k[se[0]] == tx[0] && rx[1].k[se[0]] == tx[0]);
    r = 0;
    do
    :: r < 2 ->
         assert(flying[r] == 0); r++
    :: else -> break
    od
}
