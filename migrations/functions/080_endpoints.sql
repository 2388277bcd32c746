-- Write an endpoint: make it, change it, or bring it back to life.
CREATE OR REPLACE FUNCTION creditgate.put_endpoint(p_endpoint creditgate.endpoints, p_bucket smallint, p_max integer)
RETURNS smallint
LANGUAGE plpgsql AS $$
DECLARE
    v_others integer;
BEGIN
    IF p_endpoint.account_key IS NOT NULL AND NOT EXISTS (
        SELECT FROM creditgate.accounts AS a WHERE a.bucket = p_bucket AND a.account_key = p_endpoint.account_key
    ) THEN
        RETURN 20;
    END IF;
    SELECT count(*) INTO v_others FROM creditgate.endpoints AS e
     WHERE e.tenant_id = p_endpoint.tenant_id AND e.state < 3 AND e.endpoint_id <> p_endpoint.endpoint_id
       AND e.account_id = p_endpoint.account_id;
    IF v_others >= p_max THEN
        RETURN 52;
    END IF;
    p_endpoint.created_at := creditgate.clock();
    INSERT INTO creditgate.endpoints AS e SELECT p_endpoint.*
    ON CONFLICT (tenant_id, endpoint_id) DO UPDATE
       SET kind = excluded.kind, address = excluded.address, kinds = excluded.kinds, account_id = excluded.account_id,
           account_key = excluded.account_key, state = 1,
           generation = CASE WHEN e.state = 3 THEN e.generation + 1 ELSE e.generation END,
           rotated_at = CASE WHEN e.state < 3 THEN e.rotated_at END,
           created_at = CASE WHEN e.state = 3 THEN excluded.created_at ELSE e.created_at END;
    RETURN 10;
END $$;

-- Delete an endpoint. What is on its way there is given up when its turn comes.
CREATE OR REPLACE FUNCTION creditgate.delete_endpoint(p_tenant_id uuid, p_endpoint_id text) RETURNS smallint
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE creditgate.endpoints AS e SET state = 3
     WHERE e.tenant_id = p_tenant_id AND e.endpoint_id = p_endpoint_id;
    RETURN CASE WHEN FOUND THEN 10 ELSE 50 END;
END $$;

-- Give an endpoint its next secret, or answer the same again.
CREATE OR REPLACE FUNCTION creditgate.rotate_endpoint_secret(
    p_tenant_id uuid, p_endpoint_id text, p_generation integer)
RETURNS smallint
LANGUAGE plpgsql AS $$
DECLARE
    e creditgate.endpoints;
BEGIN
    SELECT x.* INTO e FROM creditgate.endpoints AS x
     WHERE x.tenant_id = p_tenant_id AND x.endpoint_id = p_endpoint_id AND x.state < 3
       FOR UPDATE;
    IF e.endpoint_id IS NULL THEN
        RETURN 50;
    ELSIF p_generation = e.generation THEN
        RETURN 10;
    ELSIF p_generation <> e.generation + 1 THEN
        RETURN 32;
    END IF;
    UPDATE creditgate.endpoints AS x SET generation = p_generation, rotated_at = creditgate.clock()
     WHERE x.tenant_id = p_tenant_id AND x.endpoint_id = p_endpoint_id;
    RETURN 10;
END $$;

-- Try a dead delivery again, from the first attempt on.
CREATE OR REPLACE FUNCTION creditgate.retry_delivery(
    p_tenant_id uuid, p_bucket smallint, p_account_key uuid, p_endpoint_id text, p_event_no bigint)
RETURNS smallint
LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever ends a delivery locks its line first, too.
    PERFORM FROM creditgate.delivery_queues AS q
      WHERE q.bucket = p_bucket AND q.account_key = p_account_key AND q.endpoint_id = p_endpoint_id
        FOR UPDATE;
    UPDATE creditgate.deliveries AS d SET state = 1, attempts = 0, ended_at = NULL
     WHERE d.bucket = p_bucket AND d.account_key = p_account_key AND d.endpoint_id = p_endpoint_id
       AND d.event_no = p_event_no AND d.tenant_id = p_tenant_id AND d.state = 3;
    IF FOUND THEN
        INSERT INTO creditgate.delivery_queues AS q
        VALUES (p_bucket, p_account_key, p_endpoint_id, p_tenant_id, creditgate.clock())
        ON CONFLICT (bucket, account_key, endpoint_id) DO UPDATE SET next_at = least(q.next_at, excluded.next_at);
        RETURN 10;
    END IF;
    PERFORM FROM creditgate.deliveries AS d
      WHERE d.bucket = p_bucket AND d.account_key = p_account_key AND d.endpoint_id = p_endpoint_id
        AND d.event_no = p_event_no AND d.tenant_id = p_tenant_id;
    RETURN CASE WHEN FOUND THEN 10 ELSE 51 END;
END $$;
