"""Makes histories in a bucket and says what is in it, with a client that has nothing of regrow: botocore.

    objects.py ENDPOINT make BUCKET COUNT      a bucket with versions, and in it COUNT objects and those with odd names
    objects.py ENDPOINT disaster BUCKET        deletes, overwrites, adds
    objects.py ENDPOINT manifest BUCKET        what is there now: one object a line, as JSON
    objects.py ENDPOINT versions BUCKET        how many versions each key has, without markers
    objects.py ENDPOINT wanted BUCKET AS_OF    how many it has once all that has to be copied was copied once
    objects.py ENDPOINT plain BUCKET           a bucket without versions
    objects.py ENDPOINT kept BUCKET            an empty bucket with versions
    objects.py ENDPOINT put BUCKET KEY TEXT    one object
    objects.py ENDPOINT delete BUCKET KEY      a marker on top of it
    objects.py ENDPOINT parts BUCKET KEY [XYZ] one object of 12 MB, uploaded in three parts, with tags and metadata
    objects.py ENDPOINT etags BUCKET           each key with its ETag
    objects.py ENDPOINT markers BUCKET COUNT   so many keys of which there is nothing but a marker
    objects.py ENDPOINT long BUCKET KEY COUNT  so many versions of one key, one after the other
    objects.py ENDPOINT expire BUCKET DAYS     a rule that takes versions away so many days after they were replaced
    objects.py ENDPOINT take BUCKET KEY        all versions but the latest are taken away, as by such a rule
    objects.py ENDPOINT buckets PREFIX         those whose name begins so
    objects.py ENDPOINT gone BUCKET            the bucket is deleted with all that is in it
    objects.py ENDPOINT anew BUCKET            so is it, and made again, empty
"""

import concurrent.futures
import datetime
import hashlib
import json
import sys

import boto3
from botocore.config import Config

endpoint, word, bucket, *rest = sys.argv[1:]
s3 = boto3.client(
    "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="rig-key", aws_secret_access_key="rig-rig-rig",
    config=Config(s3={"addressing_style": "path"}, max_pool_connections=16),
)

ODD = [
    "a b  c", "plus+plus", "per%cent%20", "new\nline", "äöü/ß", "emoji/🌱", "quote'\"&<>", "dots/..a/.b", "tilde~(x)[y]{z}",
    "back`tick", "a", "b/c", "a!b", "zz/end",
]


def each(what, items):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(what, items))


def put(key, text, number):
    s3.put_object(
        Bucket=bucket, Key=key, Body=text.encode(), ContentType=f"text/x-{number % 3}", CacheControl="max-age=7",
        ContentDisposition="inline", Metadata={"number": str(number), "of": "regrow"},
        Tagging=f"part=p%20{number % 5}&keep=yes",
    )


def keys(count):
    # A page of them in the first folder: what has more is cut at the others.
    return ODD + [f"many/{0 if number < 1000 else number % 6 + 1}/{number:05}" for number in range(count)]


def make(count):
    s3.create_bucket(Bucket=bucket)
    # Some are older than the versions: their id is `null`.
    each(lambda key: put(key, "before versions", 1), ODD[:6])
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    listed = list(enumerate(keys(count)))
    each(lambda it: put(it[1], f"first {it[1]}", it[0]), listed[3::3])
    each(lambda it: put(it[1], f"good {it[1]}", it[0]), listed[6:])
    # What was deleted before must stay so.
    each(lambda number: put(f"gone/{number}", "x", 0), range(5))
    each(lambda number: s3.delete_object(Bucket=bucket, Key=f"gone/{number}"), range(5))


def now():
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def restyle(number, key):
    put(key, s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode(), number + 1)


def disaster():
    listed = list(enumerate(now()))
    each(lambda it: s3.delete_object(Bucket=bucket, Key=it[1]), [it for it in listed if it[0] % 2 == 0])
    each(lambda it: s3.delete_object(Bucket=bucket, Key=it[1]), [it for it in listed if it[0] % 8 == 0])
    each(lambda it: put(it[1], f"bad! {it[1]}", it[0] + 1), [it for it in listed if it[0] % 4 == 1])
    # Deleted and written again; overwritten and deleted.
    each(lambda it: put(it[1], "bad", 9), [it for it in listed if it[0] % 16 == 2])
    each(lambda it: s3.delete_object(Bucket=bucket, Key=it[1]), [it for it in listed if it[0] % 16 == 5])
    # The same bytes, and something else belongs to them.
    each(lambda it: restyle(*it), [(number, key) for number, key in listed if number % 16 == 3])
    each(lambda number: put(f"new/{number}", "new", 0), range(7))
    put("gone/0", "again", 0)


def manifest():
    def line(key):
        head = s3.get_object(Bucket=bucket, Key=key)
        head["Expires"] = str(head.get("Expires"))
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
        body = hashlib.sha256(head["Body"].read()).hexdigest()
        more = [head.get(name) for name in ("ContentType", "CacheControl", "ContentDisposition", "StorageClass", "Expires")]
        return json.dumps([key, body, more, head["Metadata"], tags], sort_keys=True)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        print("\n".join(pool.map(line, now())))


def listed():
    """Versions of each key, and markers with none as their content."""
    found = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for item in page.get("Versions", []) + page.get("DeleteMarkers", []):
            found.setdefault(item["Key"], []).append((item["LastModified"], item["IsLatest"], item.get("ETag")))
    return found


def count(counts):
    print("\n".join(f"{json.dumps(key)} {number}" for key, number in sorted(counts.items())))


def versions():
    count({key: sum(etag is not None for _, _, etag in entries) for key, entries in listed().items()})


def wanted(as_of):
    moment = datetime.datetime.fromisoformat(as_of.replace("Z", "+00:00"))
    counts = {}
    for key, entries in listed().items():
        then = max([it for it in entries if it[0] <= moment], default=(None, None, None), key=lambda it: it[0])[2]
        later = [etag for time, _, etag in entries if time > moment and etag]
        copied = then is not None and len(later) > 0
        counts[key] = sum(etag is not None for _, _, etag in entries) + copied
    count(counts)


def kept():
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def parts(key, digits="123"):
    begun = s3.create_multipart_upload(
        Bucket=bucket, Key=key, ContentType="video/x", CacheControl="no-store", Metadata={"of": "regrow"}, Tagging="a=b%20c&d=e",
        Expires=datetime.datetime(2030, 1, 2, tzinfo=datetime.timezone.utc),
    )["UploadId"]
    one, two, three = (digit.encode() for digit in digits)
    each_part = [one * (5 << 20), two * (5 << 20), three * 1514240]
    upload = {"Bucket": bucket, "Key": key, "UploadId": begun}
    made = [s3.upload_part(**upload, PartNumber=at, Body=body) for at, body in enumerate(each_part, 1)]
    listed = [{"PartNumber": at, "ETag": part["ETag"]} for at, part in enumerate(made, 1)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})


def markers(count):
    # A server may not make a marker where nothing is: the object goes after its marker was made.
    made, names = [], [f"markers/{number:05}" for number in range(count)]
    each(lambda name: made.append({"Key": name, "VersionId": s3.put_object(Bucket=bucket, Key=name, Body=b"")["VersionId"]}), names)
    for gone in [[{"Key": name} for name in names], made]:
        for at in range(0, count, 1000):
            s3.delete_objects(Bucket=bucket, Delete={"Objects": gone[at : at + 1000], "Quiet": True})


def long(key, count):
    for number in range(count):
        put(key, f"{number} of {count}", number)


def expire(days):
    rule = {
        "ID": "old versions", "Status": "Enabled", "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})


def take(key):
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for item in page.get("Versions", []) + page.get("DeleteMarkers", []):
            if item["Key"] == key and not item["IsLatest"]:
                s3.delete_object(Bucket=bucket, Key=key, VersionId=item["VersionId"])


def etags():
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            print(json.dumps([item["Key"], item["ETag"], item["Size"]]))


def gone():
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for item in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def anew():
    gone()
    kept()


def buckets():
    print("\n".join(each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"].startswith(bucket)))


if word == "make":
    make(int(rest[0]))
elif word == "wanted":
    wanted(rest[0])
elif word == "plain":
    s3.create_bucket(Bucket=bucket)
elif word == "put":
    put(rest[0], rest[1], 0)
elif word == "delete":
    s3.delete_object(Bucket=bucket, Key=rest[0])
elif word == "parts":
    parts(*rest)
elif word == "markers":
    markers(int(rest[0]))
elif word == "long":
    long(rest[0], int(rest[1]))
elif word == "expire":
    expire(int(rest[0]))
elif word == "take":
    take(rest[0])
else:
    words = [disaster, manifest, versions, kept, etags, gone, anew, buckets]
    {each.__name__: each for each in words}[word]()
