using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Livebed.Linux.Qemu;

/// <summary>
/// QEMU's machine protocol over a Unix socket: one JSON object a line, docs/interop/qmp-spec. Events are passed over; a command is
/// answered before the next is sent.
/// </summary>
internal sealed class QmpClient : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly Socket _socket;
    private readonly StreamReader _reader;

    private QmpClient(Socket socket)
    {
        _socket = socket;
        _socket.ReceiveTimeout = (int)_patience.TotalMilliseconds;
        _reader = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
        Greeting = Read();
        _ = Execute("qmp_capabilities");
    }

    /// <summary>What QEMU said first, with its version.</summary>
    public JsonElement Greeting { get; }

    /// <summary>Connects as soon as QEMU listens.</summary>
    /// <param name="path">of the socket</param>
    /// <param name="hasEnded">whether QEMU has ended, so that it never will</param>
    /// <exception cref="QemuException">It does not.</exception>
    public static QmpClient Connect(string path, Func<bool> hasEnded)
    {
        var begun = Stopwatch.GetTimestamp();
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                return new QmpClient(socket);
            }
            catch (SocketException)
            {
                socket.Dispose();
            }

            if (hasEnded()) throw new QemuException("QEMU ended at once; what it said stands above");
            if (Stopwatch.GetElapsedTime(begun) > _patience) throw new QemuException("QEMU does not listen within 30 s", isUsage: false);
            Thread.Sleep(10);
        }
    }

    /// <returns>what <c>return</c> says</returns>
    /// <exception cref="QemuException">It is an error, or there is no answer.</exception>
    public JsonElement Execute(string command, object? arguments = null)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes<object>(
            arguments is null ? new { execute = command } : new { execute = command, arguments });
        try
        {
            _ = _socket.Send([.. line, (byte)'\n']);
            while (true)
            {
                var answer = Read();
                if (answer.TryGetProperty("return", out var result)) return result;
                if (answer.TryGetProperty("error", out var error))
                    throw new QemuException($"QEMU refuses {command}: {error.GetProperty("desc").GetString()}", isUsage: false);
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or JsonException)
        {
            throw new QemuException($"QEMU does not answer {command} ({exception.Message})", isUsage: false, exception);
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _socket.Dispose();
    }

    private JsonElement Read()
    {
        var line = _reader.ReadLine() ?? throw new IOException("it hung up");
        using var document = JsonDocument.Parse(line);
        return document.RootElement.Clone();
    }
}
