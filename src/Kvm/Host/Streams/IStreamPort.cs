using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// What a migration asks of one host about one address space, on either side: pages out, pages in, and the ground truth by which both are
/// judged. The bytes themselves never pass through here: they go from host to host.
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

    /// <summary>Source: reads the pages, page by page as they are then, and sends them; returns when they have been stored. A page that is
    /// read becomes "the last copy" of itself, see <see cref="Host.IHostPort.ChangedSinceCopyAsync"/>. Batches that are under way at the
    /// same time need an operation each.</summary>
    ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageSet batch);

    /// <summary>Source: the pages that user space itself has changed since it last asked (discarded: ballooned, unmapped): QEMU's own dirty
    /// bitmap. Kept from OpenStream on. To be taken before the pages are read: clear before read.</summary>
    ValueTask<PageSet> TakeDiscardedAsync(Operation op, HvaRange range);

    /// <summary>Source: while the vCPUs are stopped for a hand-over user space discards nothing either: discards are refused until it is
    /// thawed.</summary>
    ValueTask FreezeAsync(Operation op, bool frozen);

    /// <summary>A checksum (XxHash3) of every page of the range as it is now; that of a page of zeroes for one that was never
    /// touched.</summary>
    ValueTask<ulong[]> ImageAsync(Operation op, HvaRange range);

    /// <summary>The guest-memory oracle of the range: the newest value of each page. It goes another way than the pages.</summary>
    ValueTask<ulong[]> SaveOracleAsync(Operation op, HvaRange range);

    ValueTask LoadOracleAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> newest);

    /// <summary>Destination: chunks of this stream and epoch are taken from now on.</summary>
    ValueTask BeginIncomingAsync(Operation op, long stream, long epoch);

    /// <summary>Destination: pre-copy is over: no more pre-copy chunk is taken. For post-copy the pages of
    /// <paramref name="discard"/> are discarded, and what is missing in the ranges of these sets from here on is asked of
    /// <paramref name="faults"/>. How long each of
    /// <paramref name="vcpus"/> vCPUs waits is added up.</summary>
    /// <returns>pages that are missing; -1 when this stream is not taken here, or no longer</returns>
    ValueTask<long> EnterPostcopyAsync(
        Operation op, long stream, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus);

    /// <summary>Destination: pages of the range that are still missing, for a recovery: QEMU's received bitmap, inverted.</summary>
    ValueTask<PageSet> MissingAsync(Operation op, HvaRange range);

    /// <summary>Destination: all pages have arrived, or the migration was given up. No chunk is accepted any more. An access that waits for
    /// a page that never came gets an error.</summary>
    /// <returns>how long vCPUs have waited for pages since post-copy began</returns>
    ValueTask<PostcopyBlocktime> EndIncomingAsync(Operation op, long stream);

    /// <summary>Frames and swap slots that the address space has now; 0 for one that has exited.</summary>
    ValueTask<long> PagesHeldAsync(Operation op);
}

/// <summary>What became of a batch, with the figures of QEMU's <c>ram</c> statistics.</summary>
/// <param name="Status">whether the destination has it</param>
/// <param name="Normal">pages sent with their content</param>
/// <param name="Duplicate">zero pages, of which only the address was sent</param>
/// <param name="Bytes">bytes on the wire, headers included</param>
/// <param name="LinkWaitMicroseconds">since the stream's last answer: for how long the link carried other streams while this one had
/// something to send</param>
public readonly record struct SendResult(StreamStatus Status, int Normal, int Duplicate, long Bytes, long LinkWaitMicroseconds = 0);

/// <summary>The answer of the other side, or that there was none.</summary>
public enum StreamStatus : byte
{
    Ok,

    /// <summary>It will not have it: another epoch, another phase, a migration that it does not know or has given up.</summary>
    Refused,

    /// <summary>A checksum did not match; nothing was stored.</summary>
    Corrupt,

    /// <summary>No memory at the destination, or none at the source to fault a page in that was to be sent.</summary>
    NoMemory,

    /// <summary>No answer: the link is broken or the other side is gone. What was asked may or may not have been done.</summary>
    Lost,
}

/// <summary>What one migration may take of its link, in bytes a second over all channels; 0 for no bound of its own.</summary>
/// <param name="Max">QEMU's <c>max-bandwidth</c></param>
/// <param name="MaxPostcopy">QEMU's <c>max-postcopy-bandwidth</c>: what is pushed in the background in post-copy, in place of
/// <paramref name="Max"/>; 0 leaves it at that. Pages that a vCPU waits for are not pushed, and have <paramref name="Max"/></param>
public sealed record StreamBandwidth(long Max, long MaxPostcopy = 0);

/// <summary>
/// How long the guest stood still in post-copy because pages were missing (<c>fill_destination_postcopy_migration_info</c>,
/// migration/postcopy-ram.c), in microseconds. A wait counts from the moment when the fault goes to sleep until its page was placed; while
/// the link is broken it goes on.
/// </summary>
/// <param name="AllMicroseconds"><c>postcopy-blocktime</c>: while every vCPU waited</param>
/// <param name="VcpuMicroseconds"><c>postcopy-vcpu-blocktime</c>: of each vCPU; empty without post-copy</param>
public sealed record PostcopyBlocktime(long AllMicroseconds, IReadOnlyList<long> VcpuMicroseconds)
{
    public static readonly PostcopyBlocktime None = new(0, []);
}

/// <summary>
/// User space's fault thread (QEMU's <c>postcopy_ram_fault_thread</c>): what it reads from the userfaultfd. Called once for a page, however
/// many wait for it; the call returns when the page has been asked for, not when it is there.
/// </summary>
public interface IUserFaultHandler
{
    ValueTask PageMissingAsync(Operation op, Hva hva);
}

/// <summary>The way from one host to another: a connection of the migration, as the source's host sees it.</summary>
public interface IPageLink
{
    /// <summary>Returns when the destination's host has stored the chunk, or refused it. The chunk is not sealed yet.</summary>
    ValueTask<StreamStatus> DeliverAsync(Operation op, PageChunk chunk);
}
