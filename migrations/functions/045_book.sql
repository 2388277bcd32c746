-- Book the change of a hold on its account: what it keeps from others, what it charged and from which grants, and one
-- version for all of it; a Commit after expiry is one even where it moves nothing. Credits of ended grants that the hold still carried are charged first, and lapse when the
-- hold lets go of them. Nothing is written here; the caller writes sets.
CREATE OR REPLACE FUNCTION creditgate.book(
    p_account creditgate.accounts, p_purse creditgate.purse, p_before creditgate.holds, p_after creditgate.holds,
    p_collected_micros bigint, p_now timestamptz)
RETURNS creditgate.booking
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    a creditgate.accounts := p_account;
    h creditgate.holds := p_after;
    v_purse creditgate.purse := p_purse;
    v_held_delta bigint := p_after.held_micros - coalesce(p_before.held_micros, 0);
    v_from_ended bigint := 0;
    v_lapsed bigint := 0;
    v_entries creditgate.entries[] := '{}';
    d creditgate.draw;
    d_ended creditgate.draw := ROW('{}', '{}', NULL, 0)::creditgate.draw;
BEGIN
    IF p_before.carried_micros > 0 THEN
        v_from_ended := least(p_before.carried_micros, p_collected_micros);
        h.carried_micros := p_before.carried_micros - v_from_ended;
        IF h.state <> 1 THEN
            v_lapsed := h.carried_micros;
            h.carried_micros := 0;
        END IF;
    END IF;

    a.held_micros := a.held_micros + v_held_delta;
    a.open_holds := a.open_holds + (h.state = 1)::int - coalesce(p_before.state = 1, false)::int;
    IF v_held_delta <> 0 OR p_collected_micros <> 0 OR v_lapsed <> 0 OR p_before.state = 4 THEN
        a.version := a.version + 1;
    END IF;
    IF h.state = 1 THEN
        a.due_at := least(a.due_at, h.expires_at);
    END IF;

    IF p_collected_micros > 0 THEN
        IF v_from_ended > 0 THEN
            d_ended := creditgate.draw_from(v_purse, true, v_from_ended);
            v_purse.remaining := d_ended.remaining;
        END IF;
        d := creditgate.draw_from(v_purse, false, p_collected_micros - v_from_ended);
        v_purse.remaining := d.remaining;
        a.settled_micros := a.settled_micros - p_collected_micros;
        a.debt_micros := a.debt_micros + d.missing;
        v_entries := v_entries || ROW(
            a.bucket, a.account_key, a.version, 1, 2, -p_collected_micros, a.settled_micros, h.hold_id, NULL,
            d_ended.seqs || d.seqs, d_ended.micros || d.micros, p_now, h.used_quantity,
            CASE WHEN h.lines IS NOT NULL THEN creditgate.used_quantities(h.lines) END)::creditgate.entries;
    END IF;
    IF v_lapsed > 0 THEN
        d := creditgate.draw_from(v_purse, true, v_lapsed);
        v_purse.remaining := d.remaining;
        a.settled_micros := a.settled_micros - v_lapsed;
        v_entries := v_entries || ROW(
            a.bucket, a.account_key, a.version, 2, 4, -v_lapsed, a.settled_micros, NULL, h.hold_id,
            d.seqs, d.micros, p_now, NULL, NULL)::creditgate.entries;
    END IF;
    RETURN ROW(a, v_purse, h, v_entries)::creditgate.booking;
END $$;
