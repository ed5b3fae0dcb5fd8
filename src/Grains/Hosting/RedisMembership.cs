using Orleans.Clustering.Redis;
using StackExchange.Redis;

namespace Livebed.Grains.Hosting;

/// <summary>
/// The membership table in Redis: the cluster outlives each of its silos, and silos and drivers find each other by it. While Redis is away
/// a cluster goes on as it is; no silo joins and none is declared dead.
/// </summary>
public static class RedisMembership
{
    /// <summary>What a user gives for the address.</summary>
    public const string Form = "HOST:PORT, with further options of StackExchange.Redis after commas";

    private const int ConnectMilliseconds = 2_000;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Null when the text is no address.</summary>
    public static ConfigurationOptions? TryParse(string text)
    {
        try
        {
            var options = ConfigurationOptions.Parse(text);
            var isWhole = options.EndPoints.Count > 0 && !text.Split(',')[0].Contains(' ', StringComparison.Ordinal)
                && text.Split(',')[0].Contains(':', StringComparison.Ordinal);
            return isWhole ? options : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The address for people: without a password.</summary>
    public static string Address(string text) => text.Split(',')[0];

    /// <summary>Waits until Redis answers.</summary>
    /// <exception cref="RedisMissingException">It does not within the time, or refuses.</exception>
    public static async Task WaitAsync(string redis, TimeSpan patience, CancellationToken cancellationToken = default)
    {
        var began = TimeProvider.System.GetTimestamp();
        for (; ; )
        {
            try
            {
                await using var connection = await ConnectAsync(redis, mustAnswer: true).WaitAsync(cancellationToken);
                await connection.GetDatabase().PingAsync();
                return;
            }
            catch (Exception failure) when (failure is RedisException or TimeoutException)
            {
                if (
                    failure.Message.Contains("NOAUTH", StringComparison.Ordinal)
                        || failure.Message.Contains("WRONGPASS", StringComparison.Ordinal))
                    throw new RedisMissingException($"Redis at {Address(redis)} refuses the password", failure);
                if (TimeProvider.System.GetElapsedTime(began) >= patience)
                    throw new RedisMissingException(
                        $"no Redis answers at {Address(redis)} within {patience.TotalSeconds:0.#} s", failure);
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    /// <summary>The table of a cluster that was a run's own goes with the run.</summary>
    public static async Task ForgetAsync(string redis, string clusterId)
    {
        await using var connection = await ConnectAsync(redis, mustAnswer: true);
        await connection.GetDatabase().KeyDeleteAsync(Key(clusterId));
    }

    internal static void Configure(RedisClusteringOptions options, string redis)
    {
        options.ConfigurationOptions = TryParse(redis) ?? throw new FormatException($"'{Address(redis)}' is not {Form}");
        options.CreateMultiplexer = async _ => (await ConnectAsync(redis, mustAnswer: false), IsShared: false);
        options.CreateRedisKey = cluster => Key(cluster.ClusterId);
    }

    private static RedisKey Key(string clusterId) => $"livebed/members/{clusterId}";

    internal static Task<ConnectionMultiplexer> ConnectAsync(string redis, bool mustAnswer)
    {
        var options = TryParse(redis) ?? throw new FormatException($"'{Address(redis)}' is not {Form}");
        options.AbortOnConnectFail = mustAnswer;
        options.ConnectTimeout = ConnectMilliseconds;
        options.ClientName = "livebed";
        return ConnectionMultiplexer.ConnectAsync(options);
    }
}

/// <summary>There is no Redis where the settings say; the message is a sentence without its end.</summary>
public sealed class RedisMissingException(string message, Exception? inner = null) : Exception(message, inner);
