using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// What a migration asks of one host about one address space, on either side: pages out, pages in, and the ground truth by which both are judged. The bytes
/// themselves never pass through here: they go from host to host.
/// </summary>
public interface IStreamPort
{
    /// <summary>Source: pages of this address space go to the given place from now on.</summary>
    /// <param name="op">the operation</param>
    /// <param name="stream">the migration</param>
    /// <param name="destination">the destination's host, in the words of the world</param>
    /// <param name="destinationAddressSpace">the address space there</param>
    /// <param name="bandwidth">what it may take of the link there</param>
    ValueTask OpenStreamAsync(Operation op, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth);

    /// <summary>Source: no more; what is under way to the other host is answered first, what still waits for the link is Refused.</summary>
    ValueTask CloseStreamAsync(Operation op, long stream);

    /// <summary>Source: reads the pages, page by page as they are then, and sends them; returns when they have been stored. A page that is read becomes "the last copy"
    /// of itself, see <see cref="Host.IHostPort.ChangedSinceCopyAsync"/>. Batches that are under way at the same time need an operation each.</summary>
    ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageBatch batch);

    /// <summary>Source: the pages that user space itself has changed since it last asked (discarded: ballooned, unmapped): QEMU's own dirty bitmap. ORs them into <c>64 pages a word</c>.
    /// Kept from OpenStream on. To be taken before the pages are read: clear before read.</summary>
    ValueTask TakeDiscardedAsync(Operation op, HvaRange range, Memory<ulong> target);

    /// <summary>Source: while the vCPUs are stopped for a hand-over user space discards nothing either: discards are refused until it is thawed.</summary>
    ValueTask FreezeAsync(Operation op, bool frozen);

    /// <summary>A checksum (XxHash3) of every page of the range as it is now; that of a page of zeroes for one that was never touched.</summary>
    ValueTask<ulong[]> ImageAsync(Operation op, HvaRange range);

    /// <summary>The guest-memory oracle of the range: the newest value of each page. It goes another way than the pages.</summary>
    ValueTask<ulong[]> SaveOracleAsync(Operation op, HvaRange range);

    ValueTask LoadOracleAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> newest);

    /// <summary>Destination: chunks of this stream and epoch are taken from now on.</summary>
    ValueTask BeginIncomingAsync(Operation op, long stream, long epoch);

    /// <summary>Destination: pre-copy is over: no more pre-copy chunk is taken. For post-copy the given pages (64 a word, one array a range) are discarded, and what is missing in
    /// the ranges from here on is asked of <paramref name="faults"/>. How long each of <paramref name="vcpus"/> vCPUs waits is added up.</summary>
    /// <returns>pages that are missing; -1 when this stream is not taken here, or no longer</returns>
    ValueTask<long> EnterPostcopyAsync(
        Operation op, long stream, IReadOnlyList<HvaRange> ranges, IReadOnlyList<ReadOnlyMemory<ulong>> discard, Host.Streams.IUserFaultHandler faults, int vcpus);

    /// <summary>Destination: pages of the range that are still missing, for a recovery: QEMU's received bitmap, inverted.</summary>
    ValueTask<ulong[]> MissingAsync(Operation op, HvaRange range);

    /// <summary>Destination: everything has arrived, or the migration was given up: no chunk is taken any more; who waits for a page that never came gets an error.</summary>
    /// <returns>how long vCPUs have waited for pages since post-copy began</returns>
    ValueTask<PostcopyBlocktime> EndIncomingAsync(Operation op, long stream);

    /// <summary>Frames and swap slots that the address space has now; 0 for one that has exited.</summary>
    ValueTask<long> PagesHeldAsync(Operation op);
}
