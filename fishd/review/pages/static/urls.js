// The URL of a file of a job; `version` keeps a browser from playing what it heard before a revision.
export const fileUrl = (job, path, version) =>
  `/files/${encodeURIComponent(job)}/${path.split("/").map(encodeURIComponent).join("/")}?v=${encodeURIComponent(version)}`;
