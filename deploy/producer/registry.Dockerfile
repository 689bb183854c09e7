# The schema registry with a folder for its schemas that its user may write to: a volume that is mounted where the image has
# nothing belongs to root.
FROM apicurio/apicurio-registry:3.3.3
USER 0
RUN mkdir /registry && chown 1001:0 /registry && chmod 770 /registry
USER 1001
