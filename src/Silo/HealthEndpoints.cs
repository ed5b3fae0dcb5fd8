using System.Net;
using System.Text;
using Livebed.Grains.Hosting;

namespace Livebed.Silo;

/// <summary>
/// What a supervisor of processes, such as Kubernetes, asks a silo: has it started, may it be given work, does it live. Whether it lives is
/// of this process alone: a partition of the cluster must not restart every silo. Plain HTTP/1.1; answers 200 or 503 with a word.
/// </summary>
internal sealed class HealthEndpoints : IDisposable
{
    public const string Start = "/health/start";
    public const string Ready = "/health/ready";
    public const string Live = "/health/live";

    /// <summary>A connection that says nothing is closed.</summary>
    private static readonly TimeSpan IdleMax = TimeSpan.FromSeconds(5);

    private readonly HttpListener _listener = new();
    private readonly SiloHealth _health;

    private HealthEndpoints(SiloHealth health) => _health = health;

    /// <exception cref="HttpListenerException">The port is in use.</exception>
    public static HealthEndpoints Listen(SiloNetwork network, int port, SiloHealth health)
    {
        var host = network.IsPublic ? "*" : network.Listen.ToString();
        var endpoints = new HealthEndpoints(health);
        endpoints._listener.Prefixes.Add(FormattableString.Invariant($"http://{host}:{port}/"));
        endpoints._listener.TimeoutManager.IdleConnection = IdleMax;
        endpoints._listener.TimeoutManager.DrainEntityBody = IdleMax;
        endpoints._listener.Start();
        _ = endpoints.AnswerAsync();
        return endpoints;
    }

    public void Dispose() => _listener.Close();

    private async Task AnswerAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                Answer(await _listener.GetContextAsync());
            }
            catch (Exception failure) when (
                failure is HttpListenerException or ObjectDisposedException or InvalidOperationException or IOException)
            {
                // The listener is closed, or the one that asked has gone.
            }
        }
    }

    private void Answer(HttpListenerContext context)
    {
        var (status, word) = (context.Request.HttpMethod, context.Request.Url?.AbsolutePath) switch
        {
            (not ("GET" or "HEAD"), _) => (405, "GET"),
            (_, Start) => Of(_health.HasStarted, "started", "starting"),
            (_, Ready) => Of(_health.IsReady, "ready", _health.IsLeaving ? "leaving" : "not ready"),
            (_, Live) => Of(_health.IsLive, "live", "stuck"),
            _ => (404, $"{Start}, {Ready} or {Live}"),
        };
        var body = Encoding.ASCII.GetBytes(word + "\n");
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain";
        context.Response.KeepAlive = false;
        context.Response.Close(body, willBlock: false);
    }

    private static (int Status, string Word) Of(bool isSo, string yes, string no) => isSo ? (200, yes) : (503, no);
}
