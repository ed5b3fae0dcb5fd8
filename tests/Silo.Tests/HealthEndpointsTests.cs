using System.Net;
using Livebed.Grains.Hosting;
using Livebed.Grains.Tests.Hosting;
using Livebed.Kvm.World;

namespace Livebed.Silo.Tests;

/// <summary>What a silo answers those that watch its process.</summary>
public sealed class HealthEndpointsTests : IDisposable
{
    private readonly SteppedTime _time = new();
    private readonly RunningClock _heartbeat = new();
    private readonly SiloHealth _health;
    private readonly HealthEndpoints _endpoints;
    private readonly HttpClient _client;

    public HealthEndpointsTests()
    {
        _health = new SiloHealth(_heartbeat, _time);
        var port = SiloPorts.FindFree(1)[0].Silo;
        _endpoints = HealthEndpoints.Listen(new SiloNetwork(), port, _health);
        _client = new HttpClient { BaseAddress = new Uri(FormattableString.Invariant($"http://127.0.0.1:{port}")) };
    }

    public void Dispose()
    {
        _client.Dispose();
        _endpoints.Dispose();
    }

    [Fact]
    public async Task A_silo_starts_then_sees_the_whole_cluster_and_then_leaves()
    {
        await IsAsync((503, "starting"), (503, "not ready"));
        _health.Whole();
        await IsAsync((503, "starting"), (503, "not ready"));
        _health.Started();
        await IsAsync((200, "started"), (200, "ready"));
        _health.Leaving();
        await IsAsync((200, "started"), (503, "leaving"));
    }

    [Fact]
    public async Task A_silo_lives_as_long_as_its_heart_beats_and_whatever_becomes_of_the_cluster()
    {
        Assert.Equal((200, "live"), await AskAsync(HealthEndpoints.Live));
        Beat();
        _time.Advance((long)SiloHealth.StuckAfter.TotalMicroseconds - 1);
        Assert.Equal((200, "live"), await AskAsync(HealthEndpoints.Live));
        _time.Advance(1);
        Assert.Equal((503, "stuck"), await AskAsync(HealthEndpoints.Live));
        Beat();
        Assert.Equal((200, "live"), await AskAsync(HealthEndpoints.Live));
    }

    [Fact]
    public async Task What_is_no_question_is_refused()
    {
        Assert.Equal((404, "/health/start, /health/ready or /health/live"), await AskAsync("/metrics"));
        using var posted = await _client.PostAsync(new Uri(HealthEndpoints.Live, UriKind.Relative), content: null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, posted.StatusCode);
    }

    private void Beat() => _heartbeat.Beat(_time.GetTimestamp());

    private async Task IsAsync((int Status, string Word) start, (int Status, string Word) ready)
    {
        Assert.Equal(start, await AskAsync(HealthEndpoints.Start));
        Assert.Equal(ready, await AskAsync(HealthEndpoints.Ready));
        Assert.Equal((200, "live"), await AskAsync(HealthEndpoints.Live));
    }

    private async Task<(int Status, string Word)> AskAsync(string path)
    {
        using var answer = await _client.GetAsync(new Uri(path, UriKind.Relative));
        return ((int)answer.StatusCode, (await answer.Content.ReadAsStringAsync()).Trim());
    }
}
