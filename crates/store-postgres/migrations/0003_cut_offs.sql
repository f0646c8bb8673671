-- For a store of sessions that was put back as it was: whom it must be told of.
CREATE INDEX accounts_by_cut_off ON accounts (not_before, id) WHERE not_before IS NOT NULL;
