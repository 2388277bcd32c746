"""What leaves the service by itself: webhooks and mail, to places that tenants name."""
