using System.Security.Cryptography;

namespace Livebed.Grains.Security;

/// <summary>
/// How both ends of a connection prove that they know the cluster's secret, before anything else is said. Each draws 32 random bytes. The
/// end that was connected to proves itself first, so that a stranger that listens learns nothing. A proof is an HMAC-SHA256 over the kind
/// of connection, the end's part and both drawings, so it is of no use for another connection, another kind or the other end. What follows
/// is encrypted only where the cluster has certificates (<see cref="ClusterCertificates"/>).
/// </summary>
/// <param name="secret">the cluster's</param>
/// <param name="kind">of connection: a proof for one kind is none for another</param>
internal sealed class PeerHandshake(ClusterSecret secret, PeerKind kind)
{
    private const int NonceBytes = 32;

    /// <summary>Of what the end that connects says first.</summary>
    public const int HelloBytes = 16 + NonceBytes;

    /// <summary>Of what the other end says then.</summary>
    public const int AnswerBytes = NonceBytes + ProofBytes;

    /// <summary>Of what the end that connects says last.</summary>
    public const int ProofBytes = 32;

    /// <summary>How long the other end may take.</summary>
    public static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(5);

    private readonly byte[] _accepting = [.. "livebed accepting "u8, (byte)kind];
    private readonly byte[] _connecting = [.. "livebed connecting "u8, (byte)kind];

    private static ReadOnlySpan<byte> Magic => "livebed-peer-1\r\n"u8;

    /// <summary>The end that connects.</summary>
    /// <exception cref="PeerRefusedException">The other end does not know the secret, or speaks another protocol.</exception>
    public async Task ConnectAsync(IPeerStream stream, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(TimeMax);
        var nonces = new byte[2 * NonceBytes];
        RandomNumberGenerator.Fill(nonces.AsSpan(0, NonceBytes));
        byte[] hello = [.. Magic, .. nonces.AsSpan(0, NonceBytes)];
        await stream.SendAsync(hello, patience.Token).ConfigureAwait(false);
        var answer = new byte[AnswerBytes];
        await stream.FillAsync(answer, patience.Token).ConfigureAwait(false);
        answer.AsSpan(0, NonceBytes).CopyTo(nonces.AsSpan(NonceBytes));
        if (!CryptographicOperations.FixedTimeEquals(secret.Prove(_accepting, nonces), answer.AsSpan(NonceBytes)))
            throw new PeerRefusedException("the other end does not know the cluster's secret");
        await stream.SendAsync(secret.Prove(_connecting, nonces), patience.Token).ConfigureAwait(false);
    }

    /// <summary>The end that was connected to.</summary>
    /// <exception cref="PeerRefusedException">The other end does not know the secret, or speaks another protocol.</exception>
    public async Task AcceptAsync(IPeerStream stream, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(TimeMax);
        var hello = new byte[HelloBytes];
        await stream.FillAsync(hello, patience.Token).ConfigureAwait(false);
        if (!hello.AsSpan().StartsWith(Magic)) throw new PeerRefusedException("the other end speaks another protocol");
        var nonces = new byte[2 * NonceBytes];
        hello.AsSpan(Magic.Length).CopyTo(nonces);
        RandomNumberGenerator.Fill(nonces.AsSpan(NonceBytes));
        byte[] answer = [.. nonces.AsSpan(NonceBytes), .. secret.Prove(_accepting, nonces)];
        await stream.SendAsync(answer, patience.Token).ConfigureAwait(false);
        var proof = new byte[ProofBytes];
        await stream.FillAsync(proof, patience.Token).ConfigureAwait(false);
        if (!CryptographicOperations.FixedTimeEquals(secret.Prove(_connecting, nonces), proof))
            throw new PeerRefusedException("the other end does not know the cluster's secret");
    }
}

/// <summary>What a connection is for.</summary>
internal enum PeerKind : byte
{
    Silo = 1,
    Gateway = 2,
    Pages = 3,
}

/// <summary>A connection as far as the handshake needs it; it takes no byte more than it asks for.</summary>
internal interface IPeerStream
{
    ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation);

    /// <exception cref="EndOfStreamException">The other end closed the connection.</exception>
    ValueTask FillAsync(Memory<byte> bytes, CancellationToken cancellation);
}

/// <summary>The other end of a connection is none of the cluster.</summary>
public sealed class PeerRefusedException(string message) : Exception(message);
