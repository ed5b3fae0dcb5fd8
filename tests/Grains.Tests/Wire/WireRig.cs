using System.Net;
using System.Net.Sockets;
using Livebed.Grains.Contracts;
using Livebed.Grains.Security;
using Livebed.Grains.Wire;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;
using Microsoft.Extensions.Logging.Abstractions;

namespace Livebed.Grains.Tests.Wire;

/// <summary>Two silos' ends of the wire with a link between them, and a chunk handler that the test controls.</summary>
internal sealed class WireRig : IDisposable
{
    public const int PageSize = 4096;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private WireRig(PageWire source, PageWire destination, PageLinkFaults? faults)
    {
        (Source, Destination) = (source, destination);
        Endpoint = destination.Open((op, chunk, isIntact) => Door(op, chunk, isIntact));
        Link = new SocketPageLink(source, () =>
        {
            Questions++;
            return ValueTask.FromResult(Endpoint);
        }, faults);
    }

    /// <summary>Under which every chunk goes.</summary>
    public static Operation Op { get; } = new(new OperationId(7), OperationKind.MigrationPages);

    public PageWire Source { get; }
    public PageWire Destination { get; }
    public SocketPageLink Link { get; }

    /// <summary>What the destination's host says when it is asked where to connect.</summary>
    public PageEndpoint? Endpoint { get; set; }

    /// <summary>How often it was asked.</summary>
    public int Questions { get; private set; }

    public ChunkHandler Door { get; set; } = (_, _, isIntact) => Task.FromResult(isIntact ? StreamStatus.Ok : StreamStatus.Corrupt);

    /// <param name="patience">how long an answer may take</param>
    /// <param name="address">the destination's; by default the first of loopback</param>
    /// <param name="port">the destination's; 0 is a free one</param>
    /// <param name="faults">what the network between them does</param>
    /// <param name="sourceSecret">what the source knows; null asks for no proof</param>
    /// <param name="destinationSecret">what the destination knows</param>
    /// <param name="sourceCertificates">what the source shows; null for no TLS</param>
    /// <param name="destinationCertificates">what the destination shows</param>
    public static async Task<WireRig> StartAsync(
        TimeSpan? patience = null, IPAddress? address = null, int port = 0, PageLinkFaults? faults = null,
        ClusterSecret? sourceSecret = null, ClusterSecret? destinationSecret = null, ClusterCertificates? sourceCertificates = null,
        ClusterCertificates? destinationCertificates = null)
    {
        PageWire[] wires =
        [
            NewWire(patience, IPAddress.Loopback, port: 0, sourceSecret, sourceCertificates),
            NewWire(patience, address ?? IPAddress.Loopback, port, destinationSecret, destinationCertificates),
        ];
        foreach (var wire in wires) await wire.StartAsync(default);
        return new WireRig(wires[0], wires[1], faults);
    }

    public Task<StreamStatus> SendAsync(PageChunk chunk) => Link.DeliverAsync(Op, chunk).AsTask();

    /// <summary>Pages that are filled with one value other than zero.</summary>
    public static PageChunk Chunk(int channel = 0, int pages = 2, byte value = 1)
    {
        var content = new byte[pages * PageSize];
        content.AsSpan().Fill(value);
        var entries = Enumerable.Range(0, pages).Select(page => PageChunk.EntryOf(new Hva(100 + page), isZero: false)).ToArray();
        return new PageChunk(new ChunkHeader(Stream: 3, Epoch: 2, channel, Round: 5, StreamPhase.Precopy), entries, content, Checksum: 0);
    }

    /// <summary>A connection that is not the link's.</summary>
    public async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(Endpoint!.Value.Address), Endpoint.Value.Port));
        return socket;
    }

    public void Dispose()
    {
        Link.Dispose();
        Source.Dispose();
        Destination.Dispose();
    }

    private static PageWire NewWire(
        TimeSpan? patience, IPAddress address, int port, ClusterSecret? secret, ClusterCertificates? certificates) =>
        new(new IPEndPoint(address, port), address, secret, patience ?? Patience, NullLogger<PageWire>.Instance)
        {
            Certificates = certificates,
        };
}
