// An image as `docker save` or `skopeo copy` would archive it: the image layout of the OCI image
// specification (image-layout.md), in a tar file.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { run } from '../stage/command.js';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
// The architectures that differ in name: GOARCH.
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', ia32: '386' };

export interface Image {
  /** Name with tag. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Archives `directory`/rootfs as an image of one layer.
 * @returns the path of the archive, in `directory`
 */
export function archiveImage(directory: string, { name, labels }: Image): string {
  const blobs = `${directory}/image/blobs/sha256`;
  mkdirSync(blobs, { recursive: true });
  const blob = (mediaType: string, content: Buffer): object => {
    const hash = createHash('sha256').update(content).digest('hex');
    writeFileSync(`${blobs}/${hash}`, content);
    return { mediaType, digest: `sha256:${hash}`, size: content.length };
  };
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

  run('tar', '--create', '--file', `${directory}/layer.tar`, '-C', `${directory}/rootfs`, '.');
  const tar = readFileSync(`${directory}/layer.tar`);
  const layer = blob(LAYER, tar);
  const config = blob(
    CONFIG,
    json({
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      config: { Entrypoint: ['/attach'], Labels: labels },
      rootfs: {
        type: 'layers',
        diff_ids: [`sha256:${createHash('sha256').update(tar).digest('hex')}`],
      },
    }),
  );
  const manifest = blob(
    MANIFEST,
    json({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] }),
  );
  writeFileSync(`${directory}/image/oci-layout`, json({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(
    `${directory}/image/index.json`,
    json({
      schemaVersion: 2,
      manifests: [{ ...manifest, annotations: { 'io.containerd.image.name': name } }],
    }),
  );
  const archive = `${directory}/image.tar`;
  run('tar', '--create', '--file', archive, '-C', `${directory}/image`, '.');
  return archive;
}
