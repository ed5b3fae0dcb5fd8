using System.Net.Sockets;

namespace Livebed.Grains.Hosting;

/// <summary>A loopback port that a silo needs is taken. Nothing was left running.</summary>
public sealed class PortInUseException(int port, Exception? inner = null)
    : Exception($"port {port} is in use; choose another base with --port, or leave it out to have free ports found", inner)
{
    public int Port { get; } = port;

    /// <summary>Whether <paramref name="failure"/>, however wrapped, is about an address that is taken.</summary>
    public static bool IsBehind(Exception failure) => failure switch
    {
        SocketException socket => socket.SocketErrorCode == SocketError.AddressAlreadyInUse,
        AggregateException many => many.InnerExceptions.Any(IsBehind),
        _ => failure.InnerException is { } inner && IsBehind(inner),
    };
}
