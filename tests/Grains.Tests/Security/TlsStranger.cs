using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Livebed.Grains.Tests.Security;

/// <summary>A program that is none of the cluster and connects to a port of a silo.</summary>
internal static class TlsStranger
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Shows the certificate of these files, or none, and goes on whatever the silo shows.</summary>
    /// <returns>true when the silo has closed the connection and said nothing in it</returns>
    public static async Task<bool> IsClosedAsync(int port, (string Certificate, string Key)? shown)
    {
        using var socket = await ConnectAsync(port);
        using var own = shown is { } files ? X509Certificate2.CreateFromPemFile(files.Certificate, files.Key) : null;
        await using var tls = new SslStream(new NetworkStream(socket, ownsSocket: false));
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "",
                ClientCertificateContext = own is null ? null : SslStreamCertificateContext.Create(own, [], offline: true),
                RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
            }).WaitAsync(Patience);
            return await tls.ReadAsync(new byte[1]).AsTask().WaitAsync(Patience) == 0;
        }
        catch (Exception failure) when (failure is IOException or AuthenticationException)
        {
            return true;
        }
    }

    /// <summary>Says something that is no TLS; or nothing, and waits.</summary>
    /// <returns>true when the silo has closed the connection</returns>
    public static async Task<bool> IsClosedAsync(int port, byte[] words)
    {
        using var socket = await ConnectAsync(port);
        try
        {
            if (words.Length > 0) await socket.SendAsync(words);

            // An alert of TLS may come before the end.
            var heard = new byte[256];
            while (await socket.ReceiveAsync(heard).WaitAsync(Patience) > 0) { }
            return true;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }
}
