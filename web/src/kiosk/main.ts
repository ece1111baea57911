import { createApp } from 'vue'

import '@/device/style.css'
import './style.css'

import App from './App.vue'

createApp(App).mount('#app')
