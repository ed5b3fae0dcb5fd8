using System.Net;
using System.Net.Sockets;

namespace Livebed.Grains.Hosting;

/// <summary>The two loopback ports of a silo: where other silos and where clients connect.</summary>
public readonly record struct SiloPorts(int Silo, int Gateway)
{
    /// <summary>Ports without a listener at this moment. Another process may take one a moment later, so a start with them may have to be
    /// repeated.</summary>
    public static IReadOnlyList<SiloPorts> FindFree(int silos)
    {
        // All are open at once, so that no port is given twice.
        var listeners = new List<TcpListener>();
        try
        {
            for (var i = 0; i < 2 * silos; i++) listeners.Add(Listen(0));
            var ports = listeners.ConvertAll(listener => ((IPEndPoint)listener.LocalEndpoint).Port);
            return Enumerable.Range(0, silos).Select(i => new SiloPorts(ports[2 * i], ports[2 * i + 1])).ToList();
        }
        finally
        {
            listeners.ForEach(listener => listener.Dispose());
        }
    }

    /// <summary>Silo i listens on <paramref name="basePort"/> + 2i and, for clients, on the port after it.</summary>
    /// <exception cref="PortInUseException">One of them is taken.</exception>
    /// <exception cref="ArgumentOutOfRangeException">They do not all lie within 1 to 65535.</exception>
    public static IReadOnlyList<SiloPorts> FromBase(int basePort, int silos)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(basePort, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(basePort, IPEndPoint.MaxPort - 2 * silos + 1);
        for (var port = basePort; port < basePort + 2 * silos; port++) ThrowIfInUse(port);
        return Enumerable.Range(0, silos).Select(i => new SiloPorts(basePort + 2 * i, basePort + 2 * i + 1)).ToList();
    }

    /// <exception cref="PortInUseException">Another process listens on it.</exception>
    public static void ThrowIfInUse(int port)
    {
        try
        {
            Listen(port).Dispose();
        }
        catch (SocketException failure) when (failure.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new PortInUseException(port, failure);
        }
    }

    private static TcpListener Listen(int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return listener;
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }
}

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
