using System.Net.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Connections.Security;

namespace Livebed.Grains.Security;

/// <summary>
/// TLS on the connections of Orleans, with a certificate at both ends. Orleans' own layer does it, between two of this class: the outer one
/// counts the connections that have shown nothing yet and says who was refused, the inner one lets through who was trusted. Whatever comes
/// later into a connection, as the proof of a secret, is encrypted.
/// </summary>
internal static class TlsConnections
{
    /// <summary>For connections that come in.</summary>
    public static void UseAcceptedTls(this IConnectionBuilder builder, ClusterCertificates certificates, PeerKind kind)
    {
        var log = new RefusalLog(builder.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger<ClusterCertificates>());
        var unproven = 0;
        builder.Use(next => async context =>
        {
            var meeting = new Meeting(() => Interlocked.Decrement(ref unproven));
            context.Features.Set(meeting);
            try
            {
                if (Interlocked.Increment(ref unproven) > PeerConnections.UnprovenMax)
                    meeting.Verdict.Refuse("too many connections are being made");
                else await next(context);
            }
            finally
            {
                meeting.End();
            }

            if (meeting.IsMet) return;
            log.Refused(kind, context.RemoteEndPoint, meeting.Reason);
            context.Abort(new ConnectionAbortedException("the peer is none of the cluster"));
        });
        new Unlogged(builder).UseServerTls(Options(certificates));
        builder.UseMet();
    }

    /// <summary>For connections that go out.</summary>
    /// <param name="builder">of the connections</param>
    /// <param name="certificates">of the cluster</param>
    /// <param name="refused">told why the other end was refused; Orleans itself may say of it only that the connection was closed</param>
    public static void UseConnectingTls(
        this IConnectionBuilder builder, ClusterCertificates certificates, Action<Exception>? refused = null)
    {
        builder.Use(next => async context =>
        {
            var meeting = new Meeting(() => { });
            context.Features.Set(meeting);
            await next(context);
            if (meeting.IsMet) return;
            var refusal = new ConnectionAbortedException($"{context.RemoteEndPoint}: {meeting.Reason}");
            refused?.Invoke(refusal);
            throw refusal;
        });
        new Unlogged(builder).UseClientTls(Options(certificates));
        builder.UseMet();
    }

    private static void UseMet(this IConnectionBuilder builder) => builder.Use(next => context =>
    {
        var meeting = context.Features.Get<Meeting>()!;
        if (!meeting.Verdict.IsTrusted) return Task.CompletedTask;
        meeting.Meet();
        return next(context);
    });

    private static TlsOptions Options(ClusterCertificates certificates) => new()
    {
        LocalCertificate = certificates.Own,
        HandshakeTimeout = PeerHandshake.TimeMax,

        // Orleans sets no check of its own then, so that each connection can have one that says why it refuses. Without it nothing passes
        // the inner layer.
        RemoteCertificateMode = RemoteCertificateMode.NoCertificate,
        OnAuthenticateAsServer = (context, options) => certificates.Accept(
            (SslServerAuthenticationOptions)options.SslServerAuthenticationOptions, VerdictOf(context)),
        OnAuthenticateAsClient = (context, options) => certificates.Connect(
            (SslClientAuthenticationOptions)options.SslClientAuthenticationOptions, VerdictOf(context)),
    };

    private static PeerVerdict VerdictOf(ConnectionContext context) => context.Features.Get<Meeting>()!.Verdict;

    /// <summary>Of one connection, until both ends have shown their certificates.</summary>
    /// <param name="over">told once, when that is over</param>
    private sealed class Meeting(Action over)
    {
        private readonly long _began = Environment.TickCount64;
        private Action? _over = over;

        public PeerVerdict Verdict { get; } = new();

        public bool IsMet { get; private set; }

        public string Reason => Environment.TickCount64 - _began < (long)PeerHandshake.TimeMax.TotalMilliseconds
            ? Verdict.Reason
            : $"it took longer than {PeerHandshake.TimeMax.TotalSeconds:0} s";

        public void Meet()
        {
            IsMet = true;
            End();
        }

        public void End() => Interlocked.Exchange(ref _over, null)?.Invoke();
    }

    /// <summary>Orleans would log a stranger's every attempt with a stack; the outer layer has one line a second.</summary>
    private sealed class Unlogged(IConnectionBuilder builder) : IConnectionBuilder, IServiceProvider
    {
        public IServiceProvider ApplicationServices => this;

        public IConnectionBuilder Use(Func<ConnectionDelegate, ConnectionDelegate> middleware)
        {
            builder.Use(middleware);
            return this;
        }

        public ConnectionDelegate Build() => builder.Build();

        public object? GetService(Type serviceType) =>
            serviceType == typeof(ILoggerFactory) ? null : builder.ApplicationServices.GetService(serviceType);
    }
}
