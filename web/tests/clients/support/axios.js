/** axios as it comes, with a witness behind it. */
import axios from 'axios'

/** `headers()` are added to each request: what a front end keeps of its user. */
export function createAxios(demo, witness, headers = () => ({})) {
  const client = axios.create()
  client.interceptors.request.use((config) => {
    config.url = demo.url + config.url
    for (const [name, value] of Object.entries(headers())) config.headers.set(name, value)
    return config
  })
  const see = ({ config, data, status, headers }) => {
    const path = new URL(config.url).pathname.replace(/\/{2,}/g, '/')
    witness.see(config.method.toUpperCase(), path, data, { status, headers })
  }
  client.interceptors.response.use(
    (response) => {
      see(response)
      return response
    },
    (error) => {
      if (error.response) see(error.response)
      throw error
    },
  )
  return client
}
