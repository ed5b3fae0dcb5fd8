using System.Buffers;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// One stream of pages from an address space to another host. A batch is read, page by page, into borrowed buffers, takes its time on the
/// link, and is answered when the other host has stored it. So only unanswered requests of the callers are in flight, and a slow receiver
/// slows the callers down. Batches under way at the same time (channels) need an operation each.
/// </summary>
internal sealed class OutgoingStream
{
    private readonly HostState _host;
    private readonly AddressSpace _mm;
    private readonly PageReader _reader;
    private readonly IPageLink _link;
    private readonly StreamShaper _shaper;
    private readonly RwSemaphore _lock;
    private readonly Func<bool> _isClosing;
    private Tracked<bool> _closing;

    public OutgoingStream(HostState host, AddressSpace mm, PageFault faults, long stream, IPageLink link, StreamShaper shaper)
    {
        (_host, _mm, _link, _shaper) = (host, mm, link, shaper);
        _reader = new PageReader(host, faults);
        _lock = new RwSemaphore(host.Locks, LockClasses.MigrationStream, $"stream {stream} of {mm.Name}");
        _closing = new Tracked<bool>(host.World);
        _isClosing = () => _closing.Value || _mm.IsExiting;
    }

    /// <summary>Refused when the stream is closed or the address space dies.</summary>
    /// <exception cref="ArgumentException">The batch is not of one area, or too large.</exception>
    public async ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageSet batch, ArrayPool<byte> pool)
    {
        var vma = _mm.Find(batch.Range.Start);
        if (vma is null || !vma.Range.Covers(batch.Range))
            throw new ArgumentException($"{batch.Range} is not within one area of {_mm}", nameof(batch));
        if (batch.Count > PageChunk.PagesMax)
            throw new ArgumentException($"a batch of {batch.Count} pages; at most {PageChunk.PagesMax} travel together", nameof(batch));
        await _lock.DownReadAsync(op);
        try
        {
            return await SendLockedAsync(op, header, vma, batch, new ChunkBuilder((int)batch.Count, _host.Frames.PageSize, pool));
        }
        finally
        {
            _lock.UpRead(op);
            if (_closing.Value && !_lock.IsHeld) _host.Locks.Forget(_lock);
        }
    }

    /// <summary>Batches that wait for the link are given up; those under way to the other host are answered first.</summary>
    public async ValueTask CloseAsync(Operation op)
    {
        Abandon();
        await _lock.DownWriteAsync(op);
        _lock.UpWrite(op);
        _host.Locks.Forget(_lock);
    }

    /// <summary>Sends nothing any more and does not wait for chunks that are under way.</summary>
    public void Abandon()
    {
        _closing.Value = true;
        _shaper.Leave();
        if (!_lock.IsHeld) _host.Locks.Forget(_lock);
    }

    private async ValueTask<SendResult> SendLockedAsync(Operation op, ChunkHeader header, Vma vma, PageSet batch, ChunkBuilder chunk)
    {
        try
        {
            foreach (var hva in batch)
            {
                while (true)
                {
                    // In the same turn as the read: of a process that has died, nothing may be taken for zeroes.
                    if (_isClosing()) return Failed(StreamStatus.Refused);
                    if (_reader.TryRead(op, _mm, vma, hva, ref chunk)) break;
                    var found = await _reader.FaultInAsync(op, _mm, vma, hva);
                    if (found != HostPageStatus.Ok)
                        return Failed(found == HostPageStatus.NoMemory ? StreamStatus.NoMemory : StreamStatus.Refused);
                }

                var point = _host.StepAsync();
                if (!point.IsCompletedSuccessfully) await point;
            }

            var built = chunk.Build(header);
            var sent = new SendResult(StreamStatus.Refused, chunk.Pages - chunk.ZeroPages, chunk.ZeroPages, built.WireBytes);
            if (!await _shaper.PassAsync(op, header, built.WireBytes, _isClosing)) return Failed(StreamStatus.Refused);
            _host.World.Trace?.Note(
                op, $"sends {sent.Normal} pages and {sent.Duplicate} of zeroes of {batch.Range}, round {header.Round}, {header.Phase}");
            return sent with { LinkWaitMicroseconds = _shaper.TakeLinkWaitMicroseconds(), Status = await _link.DeliverAsync(op, built) };
        }
        finally
        {
            chunk.Dispose();
        }
    }

    private static SendResult Failed(StreamStatus status) => new(status, 0, 0, 0);
}

/// <summary>
/// The open streams of one address space, and the pages that its user space or its kernel has discarded since the last call of
/// <c>TakeDiscarded</c>. QEMU marks such pages in its own dirty bitmap, because no guest write does. Without an open stream nothing is
/// recorded, at no cost.
/// </summary>
internal sealed class OutgoingStreams(IWorld world, AddressSpace mm)
{
    private readonly TrackedMap<long, OutgoingStream> _streams = new(world);
    private Tracked<bool> _isFrozen = new(world);

    /// <summary>
    /// Records pages with discarded content (MADV_DONTNEED, munmap, the OOM reaper). A sender takes these bits <b>before</b> it reads the
    /// pages. A later discard is then in the next bits, and an earlier one is in the content that is read.
    /// </summary>
    public PageBits Discarded { get; } = new(world, mm);

    /// <summary>The vCPUs are stopped for a hand-over, and user space discards nothing either: the image that is compared is the one that
    /// is sent.</summary>
    public bool IsFrozen
    {
        get => _isFrozen.Value;
        set => _isFrozen.Value = value;
    }

    public OutgoingStream? Find(long stream) => _streams.GetValueOrDefault(stream);

    public void Add(long stream, OutgoingStream opened) => _streams.Add(stream, opened);

    /// <summary>False when there was none.</summary>
    public async ValueTask<bool> CloseAsync(Operation op, long stream)
    {
        if (!_streams.Remove(stream, out var closed)) return false;
        if (_streams.Count == 0 && mm.Outgoing == this) mm.Outgoing = null;
        await closed.CloseAsync(op);
        return true;
    }

    /// <summary>The address space is gone.</summary>
    public void CloseAll()
    {
        foreach (var (_, stream) in _streams) stream.Abandon();
        _streams.Clear();
    }
}
