-- nothing to do
;
