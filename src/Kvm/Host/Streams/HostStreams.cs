using System.Buffers;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// What a host does for migrations, by address space: the calls of <see cref="IStreamPort"/>, and the chunks that other hosts deliver. An
/// address space that is gone refuses, has nothing and holds nothing.
/// </summary>
public sealed class HostStreams
{
    private readonly HostState _host;
    private readonly PageFault _faults;
    private readonly LiveOperationSet _live;
    private readonly PageWriter _writer;
    private readonly PageImage _image;
    private readonly TrackedMap<string, LinkScheduler> _links;

    internal HostStreams(HostState host, PageFault faults, LiveOperationSet live)
    {
        (_host, _faults, _live) = (host, faults, live);
        _links = new TrackedMap<string, LinkScheduler>(host.World);
        _writer = new PageWriter(host, faults);
        _image = new PageImage(host);
    }

    /// <summary>Where the buffers of chunks come from.</summary>
    [Untracked("set before anything runs")]
    public ArrayPool<byte> ContentPool { get; set; } = ArrayPool<byte>.Shared;

    /// <summary>Bandwidth of the link from here to each other host, in bytes a second, for all streams that go there together; 0 for no
    /// limit. Holds for streams that are opened later.</summary>
    [Untracked("set before anything runs")]
    public long LinkBandwidth
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <inheritdoc cref="IStreamPort.OpenStreamAsync"/>
    /// <param name="addressSpaceId">the address space of the pages</param>
    /// <param name="stream">the migration</param>
    /// <param name="destination">the other host; streams to the same one share a link</param>
    /// <param name="connection">the link to it</param>
    /// <param name="bandwidth">the largest rate of the stream</param>
    public void Open(int addressSpaceId, long stream, string destination, IPageLink connection, StreamBandwidth bandwidth)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stream);
        ArgumentOutOfRangeException.ThrowIfNegative(bandwidth.Max);
        ArgumentOutOfRangeException.ThrowIfNegative(bandwidth.MaxPostcopy);
        if (Find(addressSpaceId) is not { } mm) return;
        var streams = mm.Outgoing ??= new OutgoingStreams(_host.World, mm);
        if (streams.Find(stream) is not null) return;
        streams.Add(
            stream,
            new OutgoingStream(_host, mm, _faults, stream, connection, new StreamShaper(_host.World, bandwidth, LinkTo(destination))));
    }

    /// <inheritdoc cref="IStreamPort.CloseStreamAsync"/>
    public async ValueTask CloseAsync(Operation op, int addressSpaceId, long stream)
    {
        using var live = _live.Enter(op);
        if (Find(addressSpaceId)?.Outgoing is { } streams) await streams.CloseAsync(op, stream);
    }

    /// <inheritdoc cref="IStreamPort.SendAsync"/>
    public async ValueTask<SendResult> SendAsync(Operation op, int addressSpaceId, ChunkHeader header, PageSet batch)
    {
        using var live = _live.Enter(op);
        if (Find(addressSpaceId)?.Outgoing?.Find(header.Stream) is not { } stream) return new SendResult(StreamStatus.Refused, 0, 0, 0);
        return await stream.SendAsync(op, header, batch, ContentPool);
    }

    /// <inheritdoc cref="IStreamPort.TakeDiscardedAsync"/>
    public PageSet TakeDiscarded(int addressSpaceId, HvaRange range) =>
        Find(addressSpaceId)?.Outgoing?.Discarded.Take(range) ?? new PageSet(range);

    /// <summary>A chunk that another host's link delivers; see <see cref="IPageLink.DeliverAsync"/>. A chunk with a wrong checksum or
    /// length is not stored at all. A chunk that is refused or finds no memory may be stored in part.</summary>
    /// <param name="op">the operation</param>
    /// <param name="addressSpaceId">the address space of the pages</param>
    /// <param name="chunk">the pages</param>
    /// <param name="isIntact"><see cref="PageChunk.IsIntact"/>, which the link computes outside of any grain's turn</param>
    public async ValueTask<StreamStatus> ReceiveAsync(Operation op, int addressSpaceId, PageChunk chunk, bool isIntact)
    {
        using var live = _live.Enter(op);
        if (Find(addressSpaceId) is not { } mm || mm.Incoming is not { } incoming || !incoming.Accepts(chunk.Header))
            return StreamStatus.Refused;
        if (!isIntact || chunk.Content.Length != ContentLength(chunk.Pages.Span)) return StreamStatus.Corrupt;
        var status = await _writer.StoreAsync(op, mm, incoming, chunk);
        await _host.World.PointAsync(SchedulingPoint.Yield);
        return status;
    }

    /// <inheritdoc cref="IStreamPort.FreezeAsync"/>
    public async ValueTask FreezeAsync(Operation op, int addressSpaceId, bool frozen)
    {
        if (Find(addressSpaceId) is not { Outgoing: { } streams } mm) return;
        using var live = _live.Enter(op);

        // A zap holds the page-table lock while it reads the open streams, so no zap is half done here.
        await mm.PageTableLock.AcquireAsync(op);
        streams.IsFrozen = frozen;
        mm.PageTableLock.Release(op);
    }

    /// <inheritdoc cref="IStreamPort.ImageAsync"/>
    public async ValueTask<ulong[]> ImageAsync(Operation op, int addressSpaceId, HvaRange range)
    {
        using var live = _live.Enter(op);
        return Find(addressSpaceId) is { } mm ? await _image.HashAsync(op, mm, range) : [];
    }

    /// <inheritdoc cref="IStreamPort.SaveOracleAsync"/>
    public ulong[] SaveOracle(int addressSpaceId, HvaRange range) => Find(addressSpaceId) is { } mm ? PageImage.Newest(mm, range) : [];

    /// <inheritdoc cref="IStreamPort.LoadOracleAsync"/>
    public void LoadOracle(int addressSpaceId, HvaRange range, ReadOnlySpan<ulong> newest)
    {
        if (Find(addressSpaceId) is { } mm) PageImage.LoadNewest(mm, range, newest);
    }

    /// <inheritdoc cref="IStreamPort.BeginIncomingAsync"/>
    public void BeginIncoming(int addressSpaceId, long stream, long epoch)
    {
        if (Find(addressSpaceId) is not { IsExiting: false } mm) return;
        if (mm.Incoming is { } current && (current.Epoch > epoch || (current.Epoch == epoch && current.Stream == stream))) return;
        mm.Incoming?.End();
        mm.Incoming = new IncomingPages(_host, mm, stream, epoch);
    }

    /// <inheritdoc cref="IStreamPort.EnterPostcopyAsync"/>
    public async ValueTask<long> EnterPostcopyAsync(
        Operation op, int addressSpaceId, long stream, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus)
    {
        using var live = _live.Enter(op);
        return IncomingOf(addressSpaceId, stream) is { } incoming
            ? await incoming.EnterPostcopyAsync(op, discard, faults, vcpus)
            : -1;
    }

    /// <inheritdoc cref="IStreamPort.MissingAsync"/>
    public PageSet Missing(int addressSpaceId, HvaRange range) =>
        Find(addressSpaceId)?.Incoming?.Missing(range) ?? new PageSet(range);

    /// <inheritdoc cref="IStreamPort.EndIncomingAsync"/>
    public PostcopyBlocktime EndIncoming(int addressSpaceId, long stream) =>
        IncomingOf(addressSpaceId, stream)?.End() ?? PostcopyBlocktime.None;

    /// <inheritdoc cref="IStreamPort.PagesHeldAsync"/>
    public async ValueTask<long> PagesHeldAsync(Operation op, int addressSpaceId)
    {
        using var live = _live.Enter(op);
        return Find(addressSpaceId) is { } mm ? await _image.PagesHeldAsync(op, mm) : 0;
    }

    /// <summary>Null when it has no limit: it is shared at no cost.</summary>
    private LinkScheduler? LinkTo(string destination)
    {
        if (LinkBandwidth == 0) return null;
        if (!_links.TryGetValue(destination, out var link)) _links.Add(destination, link = new LinkScheduler(_host.World, LinkBandwidth));
        return link;
    }

    private AddressSpace? Find(int addressSpaceId) => _host.Find(addressSpaceId);

    private IncomingPages? IncomingOf(int addressSpaceId, long stream) =>
        Find(addressSpaceId)?.Incoming is { } incoming && incoming.Stream == stream ? incoming : null;

    private long ContentLength(ReadOnlySpan<long> entries)
    {
        var length = 0L;
        foreach (var entry in entries) length += PageChunk.IsZero(entry) ? 0 : _host.Frames.PageSize;
        return length;
    }
}
