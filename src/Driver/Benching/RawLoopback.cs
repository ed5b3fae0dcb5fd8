using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Benching;

/// <summary>
/// The competitor: as many bytes over one TCP connection on loopback, as fast as this machine can. Sender and receiver have a thread each
/// and block in their system calls; 1 MiB a write, out of and into the same buffer, so that nothing but the kernel's copies is measured.
/// </summary>
internal static class RawLoopback
{
    private const int WriteBytes = 1 << 20;

    /// <summary>From the first byte sent until the last has been received; the connection is there before.</summary>
    public static RawRun Transfer(long bytes)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        sender.Connect(listener.LocalEndpoint);
        using var receiver = listener.AcceptSocket();
        var sending = new Thread(() => Send(sender, bytes)) { IsBackground = true };
        var (began, worked) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        sending.Start();
        Receive(receiver, bytes);
        var elapsed = Stopwatch.GetElapsedTime(began);
        sending.Join();
        return new RawRun(elapsed, Environment.CpuUsage.TotalTime - worked);
    }

    private static void Send(Socket socket, long bytes)
    {
        var buffer = new byte[WriteBytes];
        Random.Shared.NextBytes(buffer);
        for (var left = bytes; left > 0;) left -= socket.Send(buffer.AsSpan(0, (int)Math.Min(left, buffer.Length)));
    }

    private static void Receive(Socket socket, long bytes)
    {
        var buffer = new byte[WriteBytes];
        for (var left = bytes; left > 0;)
        {
            var received = socket.Receive(buffer.AsSpan(0, (int)Math.Min(left, buffer.Length)));
            if (received == 0) throw new BedException("the raw connection ended early");
            left -= received;
        }
    }
}
