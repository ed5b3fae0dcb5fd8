using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;

namespace Livebed.Grains.Actors;

/// <summary>Turns a counters class (public long properties) into a table by camelCase name, so that a new counter needs no second place.</summary>
internal static class CounterReport
{
    private static readonly ConcurrentDictionary<Type, (string Name, PropertyInfo Property)[]> Properties = new();

    public static Dictionary<string, long> Of(object counters)
    {
        var properties = Properties.GetOrAdd(counters.GetType(), type =>
            [.. type.GetProperties().Where(property => property.PropertyType == typeof(long))
                .Select(property => (JsonNamingPolicy.CamelCase.ConvertName(property.Name), property))]);
        return properties.ToDictionary(entry => entry.Name, entry => (long)entry.Property.GetValue(counters)!);
    }
}
