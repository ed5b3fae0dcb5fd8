using System.Buffers;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>What the migrations of a host share: the links to other hosts, the buffers of chunks, and the parts that read and store
/// pages.</summary>
public sealed class HostStreams
{
    private readonly HostState _host;
    private readonly PageWriter _writer;
    private readonly TrackedMap<string, LinkScheduler> _links;

    internal HostStreams(HostState host, PageFault faults)
    {
        _host = host;
        _links = new TrackedMap<string, LinkScheduler>(host.World);
        _writer = new PageWriter(host, faults);
        Image = new PageImage(host);
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

    internal PageImage Image { get; }

    /// <summary>The rate limit of a stream, and its share of the link to that host.</summary>
    internal StreamShaper ShaperTo(string destination, StreamBandwidth bandwidth)
    {
        if (_host.Mutant == Mutant.LinkTwiceAsFast) bandwidth = bandwidth with { Max = 2 * bandwidth.Max };
        return new StreamShaper(_host.World, bandwidth, LinkTo(destination), _host.Mutant);
    }

    /// <summary>Stores a chunk that the migration takes. A chunk with a wrong checksum or length is not stored at all.</summary>
    internal async ValueTask<StreamStatus> StoreAsync(
        Operation op, AddressSpace mm, IncomingPages incoming, PageChunk chunk, bool isIntact)
    {
        if (!isIntact || chunk.Content.Length != ContentLength(chunk.Pages.Span)) return StreamStatus.Corrupt;
        var status = await _writer.StoreAsync(op, mm, incoming, chunk);
        await _host.World.PointAsync(SchedulingPoint.Yield);
        return status;
    }

    /// <summary>Null when it has no limit: it is shared at no cost.</summary>
    private LinkScheduler? LinkTo(string destination)
    {
        if (LinkBandwidth == 0) return null;
        if (!_links.TryGetValue(destination, out var link))
            _links.Add(destination, link = new LinkScheduler(_host.World, LinkBandwidth, _host.Mutant));
        return link;
    }

    private long ContentLength(ReadOnlySpan<long> entries)
    {
        var length = 0L;
        foreach (var entry in entries) length += PageChunk.IsZero(entry) ? 0 : _host.Frames.PageSize;
        return length;
    }
}
